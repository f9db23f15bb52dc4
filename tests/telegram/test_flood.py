"""A flood of messages under Telegram's limits as they come: every one answered, and not one call refused."""

import asyncio
from pathlib import Path

from tests.telegram.wholehost import can_show_files

from surfacehost_devkit.botapi import BotApi, FloodLimits
from surfacehost_devkit.hostprocess import HostProcess

SETTINGS = (
    '[defaults]\ngroup_policy = "open"\ndm_policy = "open"\nrate_per_minute = 0\nloop_limit = 0\n[surfaces.telegram]\n'
)


async def test_sixty_messages_into_one_group_and_a_long_answer_beside_them(api: BotApi, tmp_path: Path) -> None:
    bot = api.world.bot("agent_bot")
    people = [api.world.person(name) for name in ("Alice", "Bob", "Carol")]
    group = api.groups.supergroup("Team", people[0], people[1:])
    api.groups.add_bot(group, people[0])
    api.flood.switch(FloodLimits())
    host = HostProcess(
        tmp_path / "host", f'{SETTINGS}token = "{bot.token}"\nbase_url = "{api.url}"\n', first=can_show_files
    )
    with host:
        greeting = await api.world.wait_for_reply(group)
        said = [f"message {number:02}." for number in range(60)]
        for number, text in enumerate(said):
            api.world.write(people[number // 20], f"@agent_bot {text}", group)
        pictures = api.world.write(people[0], f"/demo shown {'1 ' * 5}")
        await api.world.wait_for(lambda: api.calls.of("sendMediaGroup") or None, timeout_s=60)
        api.world.write(people[0], "and?")  # five messages are more than a burst
        asked = api.world.write(api.world.person("Dave"), "/demo long 18000")
        await api.world.wait_for(lambda: api.world.replies(asked.chat)[4:] or None, timeout_s=60)
        await api.world.wait_for_reply(group, after=greeting, timeout_s=60, where=lambda one: said[-1] in one.text)
        await asyncio.to_thread(host.wait_for, lambda status: not status["inbox"].get("telegram", {}).get("open"), 60)
    heard = "\n".join(one.text for one in api.world.replies(group, after=greeting))
    assert [heard.count(text) for text in said] == [1] * 60
    assert len(api.world.replies(people[0].id, after=pictures)) == 7
    assert api.flood.refused == 0
    marks = [one.params for one in api.calls.of("setMessageReaction")]
    put = {one["message_id"] for one in marks if one.get("reaction")}
    assert {one["message_id"] for one in marks} <= put  # what was left out is not taken away
