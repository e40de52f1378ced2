"""The lives of a peer: the one met last is the present one, and old news is known as such."""

from __future__ import absolute_import, division, print_function

from net_protocol.lives import FIRST, FORMER, FORMER_LIVES_MAX, NEXT, SAME, Lives


def test_a_peer_is_met_for_the_first_time_and_then_it_is_the_same():
    lives = Lives()
    assert lives.current is None
    assert [lives.meet('a'), lives.meet('a'), lives.meet('a')] == [FIRST, SAME, SAME]
    assert lives.current == 'a'


def test_another_incarnation_is_the_next_life_and_the_one_before_is_former():
    lives = Lives()
    assert [lives.meet(life) for life in ('a', 'b', 'a', 'b', 'c', 'a', 'b', 'c')] == [
        FIRST, NEXT, FORMER, SAME, NEXT, FORMER, FORMER, SAME]
    assert lives.current == 'c'


def test_to_recognise_changes_nothing():
    lives = Lives()
    assert [lives.recognise('a'), lives.recognise('a')] == [FIRST, FIRST]
    lives.meet('a')
    assert [lives.recognise('b'), lives.recognise('b'), lives.recognise('a')] == [NEXT, NEXT, SAME]
    assert lives.current == 'a'


def test_only_so_many_former_lives_are_remembered():
    lives = Lives()
    names = ['life %d' % number for number in range(FORMER_LIVES_MAX + 2)]
    for name in names:
        lives.meet(name)
    assert lives.recognise(names[-1]) == SAME
    assert {lives.recognise(name) for name in names[1:-1]} == {FORMER}
    assert lives.recognise(names[0]) == NEXT


def test_old_news_again_and_again_pushes_no_life_out_of_memory():
    lives = Lives()
    for name in ('a', 'b', 'c'):
        lives.meet(name)
    for _ in range(3 * FORMER_LIVES_MAX):
        assert lives.meet('b') == FORMER
    assert lives.recognise('a') == FORMER
    assert lives.current == 'c'
