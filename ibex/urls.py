"""Pages, REST and admin. The proxy's addresses are in `ibex.routing`, outside Django's view stack."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()  # only here, as what it shows is needed for pages alone (`ibex.dashboard.apps.AdminConfig`)

urlpatterns = [
    path("", include("ibex.dashboard.urls")),
    path("", include("agents.urls")),
    path("", include("memories.urls")),
    path("", include("context.urls")),
    path("api/", include("ibex.api")),
    path("admin/", admin.site.urls),
]

handler400 = "ibex.api.bad_request"
