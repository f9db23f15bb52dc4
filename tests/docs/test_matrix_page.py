"""docs/matrix.md leads there: what it shows, as it stands and in its order, makes an encrypted and verified bot."""

import asyncio
import os
import re
import subprocess
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import PASSWORD, register
from tests.matrix.verifier import Verifier, cross_sign
from tests.matrix.wholehost import device_of, read_by

from surfacehost_devkit.homeserver import Account, Homeserver
from surfacehost_devkit.hostprocess import HostProcess
from surfacehost_devkit.matrixapi import MatrixApi
from surfacehost_matrix.identity.recovery import write_recovery_key

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/matrix.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[TABLE, SECRETS, SPACE, RECOVERY] = [text for kind, text in BLOCKS if kind == "toml"]
[REGISTER, LIFT] = [text for kind, text in BLOCKS if not kind]
[READY] = re.findall(r"`(curl .*?/readyz)`", PAGE)
[CHMOD] = re.findall(r"`(chmod .*?)`", PAGE)
COMMITTED = (ROOT / "settings.toml").read_text()


def shell(command: str, folder: Path, said: str = "", **environ: str) -> str:
    """What *command* prints in *folder*, told what it asks for; no terminal is there to ask at."""
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=os.environ | environ, input=said, capture_output=True, text=True,
        check=False, start_new_session=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def edited(table: str) -> str:
    """The settings that come along, with *table* in place of the one for Matrix."""
    text = re.sub(
        r"^\[surfaces\.matrix\].*?(?=^\[surfaces\.telegram\])",
        lambda _: f"{table}\n",
        COMMITTED,
        flags=re.MULTILINE | re.DOTALL,
    )
    assert text != COMMITTED
    return re.sub(r"127\.0\.0\.1:8700", "127.0.0.1:0", text, count=1)


async def test_whoever_does_what_the_page_shows_has_an_encrypted_and_verified_bot(
    homeserver: Homeserver, synapse_cache: Path, tmp_path: Path
) -> None:
    you, name, host = register(homeserver, "you"), f"bot-{uuid4().hex[:8]}", tmp_path / "host"
    bot = Account(user_id=f"@{name}:localhost", device_id="", access_token="", password=PASSWORD)

    def mine(text: str) -> str:
        """What the page shows, with one's own names in it."""
        for theirs, ours in {
            "https://matrix.example.org": homeserver.url, "@bot:example.org": bot.user_id,
            "@you:example.org": you.user_id, "--user bot": f"--user {name}", '"…"': f'"{PASSWORD}"',
        }.items():  # fmt: skip
            text = text.replace(theirs, ours)
        assert "example.org" not in text
        return text

    tools = os.pathsep.join([str(synapse_cache.parent), os.environ["PATH"]])
    await asyncio.to_thread(shell, mine(REGISTER), homeserver.data_dir, f"{PASSWORD}\n" * 2, PATH=tools)
    process = HostProcess(host, edited(mine(re.sub(r"  +#.*", "", TABLE))))
    (host / ".secrets.toml").write_text(mine(SECRETS))
    await asyncio.to_thread(shell, CHMOD, host)
    with process:
        await asyncio.to_thread(process.wait_ready)
        async with SecretPerson(homeserver, you, tmp_path / "you") as person:
            seeds = await cross_sign(person)
            room = await person.chat_with(bot.user_id)
            await person.until(lambda: read_by(person, room, bot))  # it joins, greets …
            await person.send(room, "hello?")
            await person.hears("echo: hello?")  # … and answers
            async with aclosing(MatrixApi(homeserver.url, you.access_token)) as api:
                device, _ = await device_of(api, bot)
            side = Verifier(person, bot, device, room)
            await side.request()
            agreed, emoji = await side.compare()
            await person.hears(emoji)
            assert f"compare {emoji}" in process.log_text()
            keys = {side.me: person.nio.olm.account.identity_keys["ed25519"]}
            keys[f"ed25519:{seeds.master.public}"] = seeds.master.public
            await side.send("mac", side.mac(agreed, keys))
            await side.hears("done")
        ready = READY.replace("http://127.0.0.1:8700", process.address)
        assert "matrix" in await asyncio.to_thread(shell, ready, host)
        said = (await asyncio.to_thread(process.command, "doctor")).stdout
        assert f"device {device} is signed by its account" in said
        assert f"verified by {you.user_id}" in said
        assert (host / "var" / "matrix" / "recovery-key").exists()
        assert {line.split()[2] for line in process.log_text().splitlines()} == {"INFO"}
    chief = await asyncio.to_thread(homeserver.register, f"chief-{name}", PASSWORD, admin=True)
    lifted = await asyncio.to_thread(shell, mine(LIFT), host, ADMIN_TOKEN=chief.access_token)
    assert '"messages_per_second":0' in lifted


def test_the_tables_that_the_page_shows_are_ones(tmp_path: Path) -> None:
    key = tmp_path / "recovery-key"
    key.write_text(write_recovery_key(bytes(range(32))))
    key.chmod(0o600)
    recovery = RECOVERY.replace("/run/secrets/matrix-recovery-key", str(key)).replace("[surfaces.matrix]\n", "")
    process = HostProcess(tmp_path / "host", edited(f"{TABLE}{recovery}{SPACE}"))
    (process.folder / ".secrets.toml").write_text(SECRETS)
    (process.folder / ".secrets.toml").chmod(0o600)
    (process.folder / "face.png").write_bytes(b"\x89PNG")
    checked = process.command("check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
