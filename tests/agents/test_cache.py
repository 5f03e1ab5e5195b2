from __future__ import annotations

from agents.cache import ExpiringCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_served_until_its_deadline_and_never_after() -> None:
    clock = Clock()
    cache: ExpiringCache[str, int] = ExpiringCache(10, clock)
    cache.put("a", 1, ttl_s=30, epoch=cache.epoch)
    clock.now = 29.9
    assert cache.get("a") == 1
    clock.now = 30
    assert cache.get("a") is None
    assert cache.has_known("a"), "but it is remembered that there was one"


def test_the_least_recently_used_entry_makes_room() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    for key, value in (("a", 1), ("b", 2)):
        cache.put(key, value, ttl_s=30, epoch=cache.epoch)
    cache.get("a")
    cache.put("c", 3, ttl_s=30, epoch=cache.epoch)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_an_answer_from_before_a_change_is_not_kept() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    epoch = cache.epoch
    cache.drop(lambda value: value == 99)
    cache.put("a", 1, ttl_s=30, epoch=epoch)
    assert cache.get("a") is None


def test_a_value_without_time_left_is_not_kept() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, ttl_s=-3, epoch=cache.epoch)
    assert not cache.has_known("a")


def test_only_matching_values_are_dropped() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(3)
    for key, value in (("a", 1), ("b", 2)):
        cache.put(key, value, ttl_s=30, epoch=cache.epoch)
    cache.drop(lambda value: value == 1)
    assert (cache.get("a"), cache.get("b")) == (None, 2)
