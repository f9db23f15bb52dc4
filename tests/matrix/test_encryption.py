"""End-to-end encrypted rooms, with nio as the other side."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from nio import ErrorResponse  # type: ignore[import-untyped]  # nio ships no type marker
from tests.matrix.secretperson import SecretPerson
from tests.matrix.smallhost import SmallHost

from surfacehost import NotReady
from surfacehost_devkit.homeserver import Account
from surfacehost_matrix import crypto, keystore


async def test_encrypted_state_is_no_state(host: SmallHost, carol: SecretPerson, bot: Account) -> None:
    room = await carol.chat_with(bot.user_id)
    await carol.hears("hello")
    await carol.send(room, "", "m.room.name", name="Forged", state_key="")
    await carol.send(room, "", "m.room.power_levels", users={carol.user_id: 100})
    await carol.send(room, "still there?")
    await carol.hears("echo: still there?")
    homeserver = host.surface._homeserver
    assert homeserver is not None
    assert homeserver.nio.rooms[room].name is None
    assert carol.user_id not in homeserver.nio.rooms[room].power_levels.users
    assert not host.down


@pytest.mark.parametrize("odd", ["raises", "is refused by the parser"])
async def test_one_users_keys_are_left_out_alone(odd: str) -> None:
    tracked: set[str] = set()
    known: set[str] = set()
    machine = SimpleNamespace(users_for_key_query={"@good:x", "@odd:x"}, tracked_users=tracked)
    ok = SimpleNamespace(transport_response=SimpleNamespace(status=200))

    async def query() -> object:
        users = set(machine.users_for_key_query)
        if "@odd:x" in users:
            if odd == "raises":
                raise KeyError
            refused = ErrorResponse("unknown error")
            refused.transport_response = ok.transport_response
            return refused
        machine.users_for_key_query = {"@new:x"}  # a sync adds one
        known.update(users)
        return ok

    await crypto.ask_devices(machine, query)
    assert known == {"@good:x"}
    assert tracked == {"@odd:x"}
    assert machine.users_for_key_query == {"@new:x"}


async def test_a_store_has_one_owner(tmp_path: Path) -> None:
    with keystore.store(tmp_path / "crypto") as secret:
        with pytest.raises(NotReady), keystore.store(tmp_path / "crypto"):
            pass
        assert (tmp_path / "crypto").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "crypto" / "secret").stat().st_mode & 0o777 == 0o600
    with keystore.store(tmp_path / "crypto") as again:
        assert again == secret
