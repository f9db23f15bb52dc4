"""What the operator is told about the health of everything: the real command, beside a real host and without one."""

import asyncio
import json
import socket
from pathlib import Path
from subprocess import CompletedProcess

import httpx

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.ports import free_port


async def doctor(host: HostProcess, *words: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(host.command, "doctor", *words)


def levels(done: CompletedProcess[str]) -> dict[str, str]:
    """What was found, and how bad each is."""
    return {f"{one['part']}: {one['what']}": one["level"] for one in json.loads(done.stdout)}


def level(done: CompletedProcess[str], words: str) -> str:
    (found,) = (grade for what, grade in levels(done).items() if words in what)
    return found


async def test_beside_a_running_host_it_disturbs_nobody(tmp_path: Path) -> None:
    port = free_port()
    async with BotApi.serve() as api:
        bot = api.world.bot("agent_bot", can_read_all_group_messages=False)
        table = f'[surfaces.telegram]\ntoken = "{bot.token}"\nbase_url = "{api.url}"\nrequire_mention = false\n'
        web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        host = HostProcess(tmp_path / "host", f'{web}[defaults]\ndm_policy = "open"\n{table}')
        await asyncio.to_thread(host.start)
        try:
            await asyncio.to_thread(host.wait_ready)
            done = await doctor(host, "--json")
            assert done.returncode == 0, done
            assert level(done, "a host is running on it") == "ok"
            assert level(done, "messages can flow") == "ok"
            assert level(done, "leads to this host") == "ok"
            assert level(done, "telegram: the token is that of @agent_bot") == "ok"
            assert level(done, "require_mention is off, but") == "warn"
            assert level(done, "telegram: no webhook is in the way") == "ok"
            async with httpx.AsyncClient() as http:
                await http.get(f"{api.url}/bot{bot.token}/setWebhook", params={"url": "https://127.0.0.1:8443/x"})
            await host.seen(lambda status: status["ready"]["telegram"])
            done = await doctor(host)
            assert done.returncode == 1
            assert "  bad   a webhook takes this bot's messages, at https://127.0.0.1:8443/x" in done.stdout
            assert "        → remove it if it is not needed" in done.stdout
            assert "  bad   the running host is not ready: telegram: " in done.stdout
            assert bot.token not in done.stdout + done.stderr
        finally:
            host.close()


async def test_without_a_host_every_trouble_comes_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with BotApi.serve() as api:
            host = HostProcess(
                tmp_path / "host",
                f'[web]\nlisten = "127.0.0.1:{port}"\n[agent]\nembedded = false\nurl = "ws://127.0.0.1:{free_port()}"\n'
                f'[surfaces.telegram]\ntoken = "1:AAHwrong"\nbase_url = "{api.url}"\n',
            )
            (host.folder / "var").mkdir(mode=0o755)
            done = await doctor(host, "--json")
    assert done.returncode == 1
    assert level(done, "can be read by other users") == "warn"
    assert level(done, "there is no database yet") == "ok"
    assert level(done, f"127.0.0.1:{port} can't be had") == "bad"
    assert level(done, "agent: ") == "bad"
    assert level(done, "telegram: Telegram does not accept the token") == "bad"
    assert all(one["remedy"] for one in json.loads(done.stdout) if one["level"] == "bad")
    assert "AAHwrong" not in done.stdout + done.stderr
