"""Waiting tasks: clients take turns, what lost its calculator goes first, and no step walks over what waits."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.pending_queue import IdQueue, PendingQueue

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401


def take_all(queue):
    # type: (PendingQueue) -> List[str]
    return [queue.take() for _ in range(len(queue))]


def queue_of(*tasks):
    # type: (*str) -> PendingQueue
    """Tasks named client and number, such as 'a1', put in this order."""
    made = PendingQueue()
    for task in tasks:
        made.put(task[0], task)
    return made


def test_the_tasks_of_one_client_go_in_the_order_in_which_they_came():
    assert take_all(queue_of('a1', 'a2', 'a3')) == ['a1', 'a2', 'a3']


def test_clients_take_turns():
    assert take_all(queue_of('a1', 'a2', 'a3', 'b1', 'b2', 'c1')) == ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']


def test_a_client_with_one_task_does_not_wait_for_the_ten_thousand_of_another():
    queue = PendingQueue()
    for number in range(10000):
        queue.put('greedy', 'greedy %d' % number)
    queue.put('modest', 'modest 0')
    assert [queue.take(), queue.take()] == ['greedy 0', 'modest 0']


def test_a_client_that_comes_back_goes_behind_those_who_wait():
    queue = queue_of('a1', 'b1', 'c1')
    assert queue.take() == 'a1'
    queue.put('a', 'a2')
    assert take_all(queue) == ['b1', 'c1', 'a2']


def test_a_task_that_is_put_back_goes_before_its_clients_others():
    queue = queue_of('a1', 'a2', 'b1')
    queue.put_back('a', 'a0')
    assert take_all(queue) == ['a0', 'b1', 'a1', 'a2']


def test_of_several_put_back_the_last_goes_first():
    queue = queue_of('a3')
    queue.put_back('a', 'a2')
    queue.put_back('a', 'a1')
    assert take_all(queue) == ['a1', 'a2', 'a3']


def test_to_put_a_task_back_does_not_take_the_turn_of_another_client():
    queue = queue_of('a1', 'b1')
    queue.put_back('c', 'c1')
    assert take_all(queue) == ['a1', 'b1', 'c1']


def test_a_task_that_is_removed_is_not_taken():
    queue = queue_of('a1', 'a2', 'a3', 'b1')
    assert queue.discard('a', 'a2')
    assert [queue.holds('a', task) for task in ('a1', 'a2', 'a3')] == [True, False, True]
    assert len(queue) == 3
    assert take_all(queue) == ['a1', 'b1', 'a3']


def test_a_client_whose_last_task_is_removed_has_no_turn():
    queue = queue_of('a1', 'b1', 'c1')
    queue.discard('b', 'b1')
    assert take_all(queue) == ['a1', 'c1']


def test_a_client_that_was_emptied_and_comes_back_has_one_turn_and_not_two():
    queue = queue_of('a1', 'b1', 'b2')
    queue.discard('a', 'a1')
    queue.put('a', 'a2')
    queue.put('a', 'a3')
    assert take_all(queue) == ['b1', 'a2', 'b2', 'a3']


def test_what_does_not_wait_can_not_be_removed():
    queue = queue_of('a1')
    assert not queue.discard('a', 'a2') and not queue.discard('b', 'b1')
    assert len(queue) == 1 and queue.holds('a', 'a1')
    assert queue.take() == 'a1'
    assert not queue.discard('a', 'a1') and not queue.holds('a', 'a1')
    assert len(queue) == 0


def test_from_an_empty_queue_nothing_is_taken():
    queue = queue_of('a1')
    queue.discard('a', 'a1')
    assert not queue
    with pytest.raises(IndexError):
        queue.take()


class NaiveQueue(object):
    """The same without any cleverness: lists, looked through for everything."""

    def __init__(self):
        # type: () -> None
        self._turns = []  # type: List[str]
        self._tasks = []  # type: List[Tuple[str, str]]

    def put(self, client, task_id):
        # type: (str, str) -> None
        self._tasks.append((client, task_id))
        self._queue_up(client)

    def put_back(self, client, task_id):
        # type: (str, str) -> None
        self._tasks.insert(0, (client, task_id))
        self._queue_up(client)

    def discard(self, client, task_id):
        # type: (str, str) -> None
        self._strike(client, task_id)

    def take(self):
        # type: () -> str
        client = self._turns[0]
        task_id = [task for owner, task in self._tasks if owner == client][0]
        self._strike(client, task_id)
        if client in self._turns:
            self._turns.remove(client)
            self._turns.append(client)
        return task_id

    @property
    def tasks(self):
        # type: () -> List[Tuple[str, str]]
        """(Client, task), in order."""
        return list(self._tasks)

    def _queue_up(self, client):
        # type: (str) -> None
        if client not in self._turns:
            self._turns.append(client)

    def _strike(self, client, task_id):
        # type: (str, str) -> None
        self._tasks.remove((client, task_id))
        if client not in [owner for owner, _ in self._tasks]:
            self._turns.remove(client)


@pytest.mark.parametrize('seed', range(6))
def test_it_does_what_naive_lists_do(seed):
    rng = random.Random(seed)
    made, naive = PendingQueue(), NaiveQueue()
    # Phases in which more comes than goes, and the other way round.
    for number in range(3000):
        growing = (number // 300) % 2 == 0
        draw = rng.random() * (1.0 if growing or not naive.tasks else 3.0)
        client = 'client %d' % int(rng.random() * 7)
        if draw < 0.5 or not naive.tasks:
            made.put(client, 'task %d' % number)
            naive.put(client, 'task %d' % number)
        elif draw < 0.65:
            made.put_back(client, 'task %d' % number)
            naive.put_back(client, 'task %d' % number)
        elif draw < 1.5:
            task = naive.tasks[int(rng.random() * len(naive.tasks))]
            assert made.discard(*task)
            naive.discard(*task)
        else:
            assert made.take() == naive.take()
        assert len(made) == len(naive.tasks)
        assert all(made.holds(*task) for task in naive.tasks[:3])
    assert take_all(made) == [naive.take() for _ in naive.tasks]


# Cost. Every look at an entry hashes its id, so hashes are counted instead of seconds.

class Id(str):
    """An id that counts how often anybody looks at it."""

    __slots__ = ()
    looks = 0

    def __hash__(self):
        # type: () -> int
        Id.looks += 1
        return str.__hash__(self)

    def __eq__(self, other):
        # type: (object) -> bool
        return str.__eq__(self, other)

    def __ne__(self, other):
        # type: (object) -> bool
        return not self == other


def looks_per_step(steps, action):
    # type: (int, Any) -> float
    Id.looks = 0
    action()
    return Id.looks / steps


@pytest.mark.parametrize('size', [1000, 20000])
def test_no_step_of_a_long_queue_walks_over_it(size):
    queue = PendingQueue()
    ids = [Id('task %d' % number) for number in range(size)]
    rng = random.Random(1)

    def fill():
        # type: () -> None
        for task in ids:
            queue.put('client', task)

    def remove_half():
        # type: () -> None
        for task in sorted(ids, key=lambda _: rng.random())[:size // 2]:
            queue.discard('client', task)

    def take_rest():
        # type: () -> None
        for _ in range(len(queue)):
            queue.take()

    for steps, action in ((size, fill), (size // 2, remove_half), (size // 2, take_rest)):
        assert looks_per_step(steps, action) < 20


@pytest.mark.parametrize('size', [1000, 20000])
def test_the_same_task_may_be_taken_and_put_back_for_ever_at_the_same_cost(size):
    queue = PendingQueue()
    for number in range(size):
        queue.put('client', Id('task %d' % number))

    def go_round():
        # type: () -> None
        for _ in range(1000):
            queue.put_back('client', queue.take())

    assert looks_per_step(1000, go_round) < 20
    assert len(queue._lanes['client']._order) <= size + 1


# The queue of ids below it, in which available calculators wait too.

def test_ids_come_out_as_they_went_in():
    queue = IdQueue()
    for item in ('b', 'c'):
        queue.append(item)
    queue.appendleft('a')
    assert list(queue) == ['a', 'b', 'c']
    assert [queue.popleft() for _ in range(3)] == ['a', 'b', 'c']
    with pytest.raises(IndexError):
        queue.popleft()


def test_a_discarded_id_is_gone_and_may_come_back_at_the_end():
    queue = IdQueue()
    for item in ('a', 'b', 'c'):
        queue.append(item)
    assert queue.discard('a') is True
    assert queue.discard('a') is False
    assert queue.discard('z') is False
    queue.append('a')
    assert list(queue) == ['b', 'c', 'a']
    assert ('a' in queue, len(queue)) == (True, 3)
    assert [queue.popleft() for _ in range(3)] == ['b', 'c', 'a']


def test_an_old_entry_of_an_id_that_came_back_does_not_count():
    queue = IdQueue()
    for item in ('front', 'a', 'b'):
        queue.append(item)
    queue.discard('a')
    queue.append('a')
    assert list(queue) == ['front', 'b', 'a']
    assert [queue.popleft() for _ in range(len(queue))] == ['front', 'b', 'a']


@pytest.mark.parametrize('size', [100, 10000])
def test_after_many_discards_to_look_at_the_first_few_costs_the_same(size):
    queue = IdQueue()
    ids = [Id('%06d' % number) for number in range(size)]
    for item in ids:
        queue.append(item)
    for item in ids[:size - 10]:
        queue.discard(item)

    def look():
        # type: () -> None
        assert next(iter(queue)) == ids[size - 10]

    assert looks_per_step(1, look) < 10
    assert list(queue) == ids[size - 10:]


def test_memory_follows_what_waits():
    queue = IdQueue()
    queue.append('first')
    for number in range(100000):
        queue.append('second %d' % number)
        queue.discard('second %d' % number)
        assert len(queue._order) < 100
    assert list(queue) == ['first']


@pytest.mark.parametrize('seed', range(5))
def test_ids_queue_as_in_a_naive_list(seed):
    rng = random.Random(seed)
    made, naive = IdQueue(), []  # type: IdQueue, List[str]
    for _ in range(5000):
        item = 'id %d' % int(rng.random() * 60)
        draw = rng.random()
        if item in naive:
            if draw < 0.7:
                assert made.discard(item) is True
                naive.remove(item)
            else:
                assert made.popleft() == naive.pop(0)
        else:
            assert made.discard(item) is False
            if draw < 0.7:
                made.append(item)
                naive.append(item)
            else:
                made.appendleft(item)
                naive.insert(0, item)
        assert list(made) == naive
        assert len(made) == len(naive)
        assert (item in made) == (item in naive)
