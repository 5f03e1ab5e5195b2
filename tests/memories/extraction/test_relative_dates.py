from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from memories.extraction.dates import resolve_dates

MONDAY = datetime(2023, 5, 8, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "resolved"),
    [
        ("I moved yesterday", "I moved on 7 May 2023"),
        ("I ran yesterday morning", "I ran on the morning of 7 May 2023"),
        ("Tonight we eat out", "On the evening of 8 May 2023 we eat out"),
        ("I leave the day after tomorrow", "I leave on 10 May 2023"),
        ("I went there last year", "I went there in 2022"),
        ("I moved to Berlin last month", "I moved to Berlin in April 2023"),
        ("last week I bought a bike", "In the week of 1 May 2023 I bought a bike"),
        ("I go this weekend", "I go on the weekend of 13–14 May 2023"),  # noqa: RUF001 (a range of dates)
        ("We camped two weekends ago", "We camped on the weekend of 29–30 April 2023"),  # noqa: RUF001
        ("last summer I surfed", "In the summer of 2022 I surfed"),
        ("I started last January", "I started in January 2023"),
        ("I ran in June last year", "I ran in June 2022"),
        ("We meet next Friday", "We meet on 19 May 2023"),
        ("I saw her last Friday", "I saw her on 5 May 2023"),
        ("I joined last Tues", "I joined on 2 May 2023"),
        ("I met him on Friday", "I met him on 5 May 2023"),
        ("I meet him on Friday", "I meet him on 12 May 2023"),
        ("two weeks ago I quit", "In the week of 24 April 2023 I quit"),
        ("I moved here about 3 years ago", "I moved here in 2020"),
        ("I quit a few days ago", "I quit a few days before 8 May 2023"),
        ("I'll travel in three days", "I'll travel on 11 May 2023"),
        ("since last year I live in Rome", "Since 2022 I live in Rome"),
        ("yesterday's meeting was long", "The 7 May 2023 meeting was long"),
        ("Last week was hard", "The week of 1 May 2023 was hard"),
        ("I've lived here for three years now", "I've lived here for three years (since 2020)"),
        ("I need it by Friday", "I need it by 12 May 2023"),
        ("I've been sick since Friday", "I've been sick since 5 May 2023"),
        ("My rent is due on the 1st", "My rent is due on 1 June 2023"),
        ("I arrived on the 6th, I leave on the 31st", "I arrived on 6 May 2023, I leave on 31 May 2023"),
        ("The surgery is scheduled for June 3rd", "The surgery is scheduled for 3 June 2023"),
        ("I moved on 3 June", "I moved on 3 June 2022"),
        ("I flew on the 29th of February", "I flew on the 29th of February"),
        ("We're migrating in June", "We're migrating in June 2023"),
        ("I went to Rome in March", "I went to Rome in March 2023"),
        ("I finish by the end of next month", "I finish by the end of June 2023"),
        ("He told me he's ill, so I can't come on Friday", "He told me he's ill, so I can't come on 12 May 2023"),
    ],
)
def test_what_is_said_relative_to_today_is_written_as_a_calendar_date(said: str, resolved: str) -> None:
    assert resolve_dates(said, MONDAY).text == resolved


@pytest.mark.parametrize(
    "said",
    [
        "We deploy on Fridays",
        "I worked there for 4 years",
        "I lost weight in three weeks of training",
        "In three weeks I lost weight",
        "I work in one week sprints",
        "The last I heard was good",
        "I was born on 1986-03-26",
        "I live on the 5th floor",
        "My birthday is on June 3rd",
        "I usually ski in January",
        "The festival is in June",
        "I left in March 2021",
        "I work from Monday to Friday",
    ],
)
def test_what_is_no_relative_date_is_left_alone(said: str) -> None:
    assert resolve_dates(said, MONDAY).text == said


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ("I've lived here since 2019", date(2019, 1, 1), None),
        ("I'm away until next Friday", None, date(2023, 5, 20)),
        ("The exam is tomorrow", date(2023, 5, 9), date(2023, 5, 10)),
        ("The wedding is on 3 June 2024", date(2024, 6, 3), date(2024, 6, 4)),
        ("The lease ends by March 2025", None, date(2025, 4, 1)),
        ("We met on 31 June 2024", None, None),
        ("I like tea", None, None),
    ],
)
def test_validity_comes_from_the_first_date(said: str, since: date | None, until: date | None) -> None:
    dated = resolve_dates(said, MONDAY)

    assert (dated.since and dated.since.date(), dated.until and dated.until.date()) == (since, until)


def test_today_is_the_day_where_it_was_said() -> None:
    late_in_auckland = datetime(2023, 5, 9, 0, 30, tzinfo=timezone(timedelta(hours=12)))

    assert resolve_dates("I moved today", late_in_auckland).text == "I moved on 9 May 2023"


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2023, 12, 31), date(2023, 1, 1)])
def test_leap_days_and_turns_of_the_year_are_dates_too(today: date) -> None:
    said_at = datetime.combine(today, datetime.min.time(), UTC)

    for phrase in (
        "last year",
        "next month",
        "last month",
        "two months ago",
        "next year",
        "last winter",
        "in two years",
    ):
        assert "ago" not in resolve_dates(f"I will move {phrase}", said_at).text
