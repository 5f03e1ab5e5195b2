from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from ibex.core.ids import uuid7


class OperatorManager(BaseUserManager["Operator"]):
    """Makes operators; their email is their name at sign-in."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Operator:
        operator = self.model(email=self.normalize_email(email).lower(), **fields)
        operator.set_password(password)
        operator.save(using=self._db)
        return operator

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Operator:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class Operator(AbstractBaseUser, PermissionsMixin):
    """A human who signs in to the dashboard: the one row that belongs to no organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May open the Django admin.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OperatorManager()

    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.name or self.email
