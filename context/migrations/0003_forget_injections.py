"""Receipts are append-only and grow with every call: one door removes the old ones."""

from __future__ import annotations

from django.db import migrations

from ibex.core.tenancy.forgetting import ForgetFunction


class Migration(migrations.Migration):
    dependencies = [("context", "0002_feedback")]

    operations = [ForgetFunction("ibex_forget_injections", "context_injection")]
