"""Whatever comes in with updates that Telegram brings instead of being asked for them: the same tests once more.

What goes wrong on that way is in test_whole_brought_in_faults.py, test_process.py and
tests/chaos/test_brought.py.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.botapi.judge import judge_call
from tests.telegram.test_whole import (  # noqa: F401  they are run here as well
    test_a_send_tells_that_a_group_has_moved_before_its_messages_do,
    test_a_topic_and_general_are_conversations_of_their_own,
    test_an_album_is_one_message,
    test_blocked_it_gives_the_answer_up_and_unblocked_it_answers,
    test_channels_are_ignored_and_whoever_writes_in_the_name_of_one,
    test_in_a_group_it_answers_who_means_it_and_nobody_else,
    test_removed_and_added_again_it_goes_on_where_it_was,
    test_topics_of_a_private_chat_are_conversations_of_their_own,
    test_what_is_changed_while_the_agent_is_at_it_is_answered_as_it_reads_now,
    test_what_is_done_to_question_and_bot_meanwhile_costs_at_most_that_answer,
    test_what_is_no_file_is_told_as_words,
    test_what_opens_from_a_link_goes_to_the_agent_as_it_is_and_start_alone_is_greeted,
    test_whatever_people_send_reaches_the_agent,
    test_where_a_topic_is_gone_or_closed_the_answer_comes_to_the_chat_and_says_so,
    test_who_added_it_decides_whether_it_stays,
)
from tests.telegram.test_whole_answers import (  # noqa: F401  they are run here as well
    test_a_question_has_buttons_shows_what_it_came_to_and_tells_who_comes_late,
    test_a_tap_is_answered_at_once_also_while_the_agent_is_at_something_else,
    test_in_a_group_somebody_elses_tap_decides_nothing,
    test_the_button_beside_a_draft_stops_the_answer,
)
from tests.telegram.wholehost import Whole, whole_host

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with whole_host(tmp_path_factory.mktemp("brought") / "host", mode="webhook") as whole:
        yield whole


async def test_a_group_moves_by_its_own_messages_and_all_is_marked_while_it_is_at_work(whole: Whole) -> None:
    world, bob, old = whole.api.world, whole.bob, await whole.team("group")
    slow = world.write(bob, "@agent_bot /demo slow 1.5", old)
    await whole.at_work(old)
    await world.wait_for(lambda: slow.reactions.get(whole.bot.id) or None)
    new = whole.api.groups.migrate(old, bob)
    asked = world.write(bob, "@agent_bot /demo memory", new)
    await world.wait_for(lambda: len(world.replies(new)) == 2 or None)
    await whole.rests()
    assert [one.text for one in world.replies(new)] == ["I waited 1.5 s.", "I remember:\n\n1. /demo slow 1.5"]
    await world.wait_for(lambda: not asked.reactions.get(whole.bot.id) or None)  # which no answer waits for
    assert whole.said(slow) == []


async def test_nobody_has_asked_for_updates(whole: Whole) -> None:
    """Nothing of the above came in by a poll."""
    assert not [one for one in whole.api.calls.of("getUpdates") if one.bot_id == whole.bot.id]


async def test_every_call_is_one_that_the_bot_api_has(whole: Whole) -> None:
    """As another client's authors read the Bot API, with what the host has said to Telegram by now."""
    calls = whole.api.calls.of()
    for call in calls:
        judge_call(call)
    assert {call.method for call in calls} >= {"setWebhook", "getWebhookInfo", "leaveChat"}
