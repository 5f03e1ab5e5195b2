"""Coming in, going out, and moving to another organization."""

from __future__ import annotations

from django.conf import settings
from django.contrib import auth, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import SESSION_KEY, PlacedRequest, operator_page, place_of
from agents.forms import SignInForm
from agents.models import Member, Operator
from agents.selectors import memberships_of
from agents.services import audit
from agents.throttle import attempt
from ibex.core.crypto import keyed_hash
from ibex.core.errors import RateLimited
from ibex.core.htmx import SeeOther, posted_data, wants_partial
from ibex.core.tenancy import scope

WINDOW_S = 300
ATTEMPTS_AS_ONE = 10
"""Of one email from one address, in a window."""
ATTEMPTS_FROM_ADDRESS = 100
"""Of any email from one address, in a window: many people may share one."""
WRONG = "The email or the password is wrong."
NO_PLACE = "You are not a member of an active organization. Ask an owner to invite you."


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The door. Wrong words are answered 422, too many of them 429."""
    if request.user.is_authenticated and place_of(request):
        return SeeOther(_destination(request))
    if wants_partial(request):
        # Sent here from a page whose session has ended: a form inside that page would help nobody.
        return HttpResponse(status=401)
    form = SignInForm(posted_data(request))
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    email, password = form.cleaned_data["email"].lower(), form.cleaned_data["password"]
    try:
        _count_attempt(email, request.META.get("REMOTE_ADDR", ""))
    except RateLimited as error:
        form.add_error(None, "Too many attempts. Wait a few minutes, then try again.")
        return _page(request, form, status=429, headers=error.headers)
    return _checked(request, form, email, password)


def _checked(request: HttpRequest, form: SignInForm, email: str, password: str) -> HttpResponse:
    operator = auth.authenticate(request, username=email, password=password)
    if operator is None:
        _audit_failure(request, email)
        form.add_error(None, WRONG)
        return _page(request, form, status=422)
    memberships = memberships_of(operator)
    if not memberships:
        form.add_error(None, NO_PLACE)
        return _page(request, form, status=422)
    auth.login(request, operator)
    _audit(request, memberships, "operator.signed_in")
    return SeeOther(_destination(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; whoever has none is where they wanted to be."""
    if request.user.is_authenticated:
        _audit(request, memberships_of(request.user), "operator.signed_out")
    auth.logout(request)
    messages.success(request, "You are signed out.")
    return SeeOther(reverse("agents:sign_in"))


@require_POST
@operator_page(in_scope=False)
def switch_organization(request: PlacedRequest) -> HttpResponse:
    """Go to another of one's own organizations; any other is not there."""
    wanted = request.POST.get("organization", "")
    if wanted not in {str(organization.pk) for organization in request.place.organizations}:
        raise Http404
    request.session[SESSION_KEY] = wanted
    return SeeOther(reverse("dashboard:home"))


def _page(
    request: HttpRequest, form: SignInForm, *, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    context = {"form": form, "next": request.POST.get("next", request.GET.get("next", ""))}
    response = render(request, "agents/sign_in.html", context, status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def _destination(request: HttpRequest) -> str:
    """Where the operator was going, if that is a page of ours."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def _count_attempt(email: str, address: str) -> None:
    """Raises RateLimited. Redis never learns the email itself."""
    who = keyed_hash("sign-in", f"{email}\n{address}").hex()
    attempt(f"ibex:sign-in:{who}", limit=ATTEMPTS_AS_ONE, window_s=WINDOW_S)
    where = keyed_hash("sign-in", address).hex()
    attempt(f"ibex:sign-in:{where}", limit=ATTEMPTS_FROM_ADDRESS, window_s=WINDOW_S)


def _audit_failure(request: HttpRequest, email: str) -> None:
    operator = Operator.objects.filter(email=email).first()
    if operator is not None:
        _audit(request, memberships_of(operator), "operator.sign_in_failed")


def _audit(request: HttpRequest, memberships: list[Member], action: str) -> None:
    """One line in the log of each organization that this concerns: all that the operator may enter."""
    for member in memberships:
        with scope(member.org_id):
            audit.record(
                org_id=member.org_id,
                actor=f"operator:{member.operator_id}",
                action=action,
                obj=member,
                address=request.META.get("REMOTE_ADDR") or None,
            )
