"""The storm in encrypted rooms, with a real encrypting client as the person."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.chaos.conftest import PASSWORD
from tests.matrix.secretperson import SecretPerson

from surfacehost_devkit.chaos import MatrixSide, Storm, at_any_moment, at_every_point
from surfacehost_devkit.homeserver import Account, Homeserver

pytestmark = pytest.mark.timeout(400)


class SecretSide(MatrixSide):
    """Encrypted direct chats; what can't be decrypted was not heard."""

    rare: Mapping[str, str] = {}
    steps: Mapping[str, str] = {
        **{step.replace("m.room.message", "m.room.encrypted"): then for step, then in MatrixSide.steps.items()},
        "PUT sendToDevice/m.room.encrypted/* before": "who reads the answer has no key: another one is handed out",
        "PUT sendToDevice/m.room.encrypted/* after": "they have it, and nothing came: another one is handed out",
    }

    def __init__(self, carol: SecretPerson, homeserver: str, bot: Account) -> None:
        self._carol = carol
        self._homeserver, self._user_id, self._password = homeserver, bot.user_id, PASSWORD
        self.conversations: Sequence[str] = ()

    async def meet(self) -> None:
        self.conversations = [await self._carol.chat_with(self._user_id) for _ in range(3)]

    async def say(self, conversation: str, text: str) -> None:
        """Under a key of its own, which comes with the same sync: a crash that loses it costs the answer."""
        self._carol.nio.invalidate_outbound_session(conversation)
        await self._carol.send(conversation, text)

    async def heard(self, conversation: str) -> list[str]:
        texts: dict[str, str] = {}
        for event in self._carol.seen_in[conversation]:
            if event.sender == self._user_id and hasattr(event, "body"):
                relation = event.source["content"].get("m.relates_to", {})
                if relation.get("rel_type") == "m.replace":
                    texts[relation["event_id"]] = event.source["content"]["m.new_content"]["body"]
                else:
                    texts[event.event_id] = event.body
        return list(texts.values())


@pytest_asyncio.fixture
async def side(homeserver: Homeserver, tmp_path: Path) -> AsyncIterator[SecretSide]:
    bot, carol = (homeserver.register(f"{name}-{uuid4().hex[:8]}", PASSWORD) for name in ("agent", "carol"))
    async with SecretPerson(homeserver, carol, tmp_path / "carol") as person:
        yield SecretSide(person, homeserver.url, bot)


async def test_killed_at_every_step_and_at_any_moment(folder: Path, side: SecretSide) -> None:
    async with Storm.over(folder, [side]) as storm:
        await storm.rage([*at_every_point(side, 1), *at_any_moment(10)])
        assert storm.missed == []
        verdict = (await storm.calm())["matrix"]
    assert verdict.examples == []
    assert verdict.asked > 20
