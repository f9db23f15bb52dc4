"""The limit on how much an account may send, and lifting it where the account itself may.

Synapse's manual, "User Admin API", "Override ratelimiting for users". A stock Synapse lets an account send ten events,
then one in five seconds, over all of its rooms together.
"""

import logging
from typing import Literal

from surfacehost import NotReady
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver

Limit = Literal["lifted", "lifted now", "not ours to see"]

UNLIMITED = {"messages_per_second": 0, "burst_count": 0}

log = logging.getLogger(__name__)


async def lift(homeserver: Homeserver) -> Limit:
    """Lift the account's limit if it is a server administrator's; else it is nobody's but theirs to do.

    Raises NotReady, and Declined when the account as such is refused.
    """
    path = ("users", homeserver.user_id, "override_ratelimit")
    try:
        if await homeserver.administer("GET", *path) == UNLIMITED:
            return "lifted"
        await homeserver.administer("POST", *path, body=UNLIMITED)
    except Declined as refusal:
        if refusal.blames_account():
            raise
        return "not ours to see"  # no administrator, or no Synapse
    return "lifted now"


async def lift_at_start(homeserver: Homeserver) -> None:
    """The same beside everything else; the bot works without."""
    try:
        if await lift(homeserver) == "lifted now":
            log.info("as a server administrator we have lifted the limit on what we may send")
    except (NotReady, Declined) as error:
        log.info("whether the limit on sending is lifted is not known: %s", error)


def by_hand(homeserver: Homeserver) -> str:
    """What an administrator runs to lift it."""
    return (
        'curl -X POST -H "Authorization: Bearer $ADMIN_TOKEN" -d \'{"messages_per_second": 0, "burst_count": 0}\' '
        f"{homeserver.url}/_synapse/admin/v1/users/{homeserver.user_id}/override_ratelimit"
    )
