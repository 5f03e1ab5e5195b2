from __future__ import annotations

from django.db import models

MODEL_NAME_MAX = 200


class VectorSlot(models.Model):
    """One of the two places that every memory and excerpt has for a vector, and the model whose vectors are in it.

    Two rows for the whole installation, read by everybody and written by the system role only (memories.rollout).
    Exactly one serves; the other is empty, or holds the vectors of the model that comes next or was there before.
    """

    class State(models.TextChoices):
        """What a slot is good for."""

        EMPTY = "empty", "Empty"
        FILLING = "filling", "Being filled"
        SERVING = "serving", "Searched"
        RETIRING = "retiring", "Searched until lately"

    name = models.CharField(max_length=1, primary_key=True, help_text="a: `embedding`, b: `embedding_b`.")
    model = models.CharField(max_length=MODEL_NAME_MAX, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.EMPTY)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="serving"), name="memories_vectorslot_one_serves"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.model or 'empty'}"
