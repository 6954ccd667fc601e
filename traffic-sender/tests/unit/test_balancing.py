"""Problems go to the least loaded of the well; the ill are left alone for a while and then tried."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from traffic_sender.balancing import Address, Balancer, EjectionRules, Endpoint

ADDRESSES = [Address(f"127.0.0.{number}", 8000) for number in range(1, 5)]
RULES = EjectionRules(failures=3, first_s=1.0, longest_s=4.0, busy_s=0.1)


def balancer(count: int, *, most: int = 10) -> Balancer:
    made = Balancer(most_outstanding=most, rules=RULES)
    made.set_addresses(ADDRESSES[:count])
    return made


def choose(chooser: Balancer, now_s: float = 0.0) -> Endpoint:
    endpoint = chooser.choose(now_s, refused={})
    assert endpoint is not None
    return endpoint


def test_equals_take_turns() -> None:
    chooser = balancer(3)
    for _ in range(2):
        asked = {choose(chooser).address for _ in range(3)}
        assert asked == set(ADDRESSES[:3])


@given(st.lists(st.booleans(), max_size=200))
def test_no_worker_is_ever_two_problems_ahead(steps: list[bool]) -> None:
    chooser, under_way = balancer(4, most=1000), []
    for more in steps:
        if more:
            before = [endpoint.outstanding for endpoint in chooser.endpoints]
            chosen = choose(chooser)
            assert chosen.outstanding == min(before) + 1
            under_way.append(chosen)
        elif under_way:
            chooser.succeeded(under_way.pop(0))
    assert sum(endpoint.outstanding for endpoint in chooser.endpoints) == len(under_way)


def test_a_full_worker_is_not_asked() -> None:
    chooser = balancer(1, most=2)
    first = choose(chooser)
    choose(chooser)
    assert chooser.choose(0, refused={}) is None
    assert not chooser.has_room(0)
    chooser.succeeded(first)
    assert chooser.has_room(0)


def test_an_unreachable_worker_is_ejected_at_once_and_a_failing_one_after_a_few() -> None:
    chooser = balancer(1)
    assert [chooser.failed(choose(chooser), 0, unreachable=False) for _ in range(3)] == [False, False, True]
    chooser = balancer(1)
    assert chooser.failed(choose(chooser), 0, unreachable=True)
    assert chooser.choose(0.99, refused={}) is None
    assert chooser.next_trial_s(0) == 1.0


def test_an_ejected_worker_gets_one_problem_and_is_readmitted_by_its_success() -> None:
    chooser = balancer(1)
    chooser.failed(choose(chooser), 0, unreachable=True)
    trial = choose(chooser, 1.0)
    assert chooser.choose(1.0, refused={}) is None
    chooser.succeeded(trial)
    assert not trial.on_trial
    choose(chooser, 1.0)
    choose(chooser, 1.0)


def test_each_failed_trial_doubles_the_ejection_up_to_a_limit() -> None:
    chooser, now_s, lengths = balancer(1), 0.0, []
    for _ in range(4):
        chooser.failed(choose(chooser, now_s), now_s, unreachable=True)
        lengths.append(chooser.next_trial_s(now_s) - now_s)
        now_s = chooser.next_trial_s(now_s)
    assert lengths == [1, 2, 4, 4]
    assert chooser.next_trial_s(now_s) == math.inf


def test_what_was_under_way_before_an_ejection_does_not_prolong_it() -> None:
    chooser = balancer(1)
    first, second = choose(chooser), choose(chooser)
    assert chooser.failed(first, 0, unreachable=True)
    assert not chooser.failed(second, 0.5, unreachable=True)
    assert chooser.next_trial_s(0.5) == 1.0


def test_a_busy_worker_comes_last_for_a_moment_but_is_asked_when_it_is_the_only_one() -> None:
    chooser = balancer(2)
    busy = choose(chooser)
    chooser.busy(busy, 0)
    others = [choose(chooser, 0.05) for _ in range(3)]
    assert all(other is not busy for other in others)
    alone = balancer(1)
    only = choose(alone)
    alone.busy(only, 0)
    assert choose(alone, 0.05) is only


def test_a_worker_that_refused_a_problem_is_not_asked_for_it_again_before_its_time() -> None:
    chooser = balancer(2)
    refused = {ADDRESSES[0]: 5.0}
    assert {chooser.choose(0, refused=refused).address for _ in range(4)} == {ADDRESSES[1]}  # type: ignore[union-attr] - None fails the test
    assert chooser.patience_ends_s(refused) == 0
    refused[ADDRESSES[1]] = 3.0
    assert chooser.choose(2.9, refused=refused) is None
    assert chooser.patience_ends_s(refused) == 3.0


def test_new_addresses_come_in_and_old_ones_keep_their_state() -> None:
    chooser = balancer(2)
    kept = choose(chooser)
    gone = chooser.set_addresses([kept.address, ADDRESSES[3]])
    assert [endpoint.address for endpoint in gone] == [a for a in ADDRESSES[:2] if a != kept.address]
    assert all(endpoint.gone for endpoint in gone)
    assert {endpoint.address: endpoint.outstanding for endpoint in chooser.endpoints} == {
        kept.address: 1,
        ADDRESSES[3]: 0,
    }
