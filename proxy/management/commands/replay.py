"""`manage.py replay FILE`: send a recorded conversation through the running proxy as an agent's traffic."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ibex.env import env
from ibex.providers.client import close_client
from ibex.providers.errors import ProviderError
from proxy.replay.player import Player, ReplayRefused
from proxy.replay.recording import Recording, UnreadableRecording, read_recording


class Command(BaseCommand):
    help = "Send a recorded conversation (NDJSON, or LoCoMo's JSON) through the running proxy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--agent", help="Slug or id; default: the first agent of this installation.")
        parser.add_argument("--token", help="Default: the first token of this installation.")
        parser.add_argument("--base-url", help="Default: this installation's own.")
        parser.add_argument("--limit", type=int, default=0, help="Send at most this many turns.")
        parser.add_argument(
            "--ask",
            type=int,
            default=0,
            metavar="N",
            help="Instead of sending turns, ask the first N questions of the file.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            recording = read_recording(options["file"])
        except (UnreadableRecording, OSError, json.JSONDecodeError) as error:
            raise CommandError(str(error)) from error
        player = _player(options)
        work = (
            self._ask(player, recording, options["ask"])
            if options["ask"]
            else self._play(player, recording, options["limit"])
        )
        try:
            asyncio.run(_closing(work))
        except (ProviderError, ReplayRefused) as error:
            raise CommandError(f"IBEX did not take it: {error}") from error

    async def _play(self, player: Player, recording: Recording, limit: int) -> None:
        turns = recording.turns[: limit or None]
        columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns) as progress:
            for turn in progress.track(turns):
                await player.play(turn)
        sessions = len({turn.session for turn in turns})
        self.stdout.write(
            f"{len(turns):,} turns in {sessions:,} sessions were sent. Their memories appear on the Memories page."
        )

    async def _ask(self, player: Player, recording: Recording, count: int) -> None:
        if not recording.questions:
            raise CommandError("This recording holds no questions.")
        informed = 0
        for question in recording.questions[:count]:
            answer = await player.ask(question)
            informed += answer.memories_injected > 0
            self.stdout.write(
                f"\nQ  {question.text}\nA  {answer.text}\n=  {question.answer}   [{answer.memories_injected} memories]"
            )
        self.stdout.write(
            f"\n{informed} of {min(count, len(recording.questions))} questions had memories in their prompt."
        )


async def _closing(work: Any) -> None:
    try:
        await work
    finally:
        await close_client()


def _player(options: dict[str, Any]) -> Player:
    path = env().data_dir / "first-run.json"
    facts = json.loads(path.read_text()) if path.exists() else {}
    base_url = options["base_url"] or facts.get("base_url")
    token, agent = options["token"] or facts.get("token"), options["agent"] or facts.get("agent_slug")
    if not (base_url and token and agent):
        raise CommandError("Start IBEX with `make up` first, or pass --base-url, --token and --agent.")
    return Player(base_url=base_url, token=token, agent=agent)
