"""The ASGI application: the proxy's consumers and Django, behind one router."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ibex.settings")
django_application = get_asgi_application()

from ibex.routing import http_router  # noqa: E402 - needs Django's apps to be loaded

application = ProtocolTypeRouter({"http": http_router(django_application)})
