"""Asking servers for data politely: not too often, patiently, and never past what they say.

Every request waits its turn, carries a name and a timeout, and is made again after what may
pass: a cut connection, a full or restarting server, an answer that is not whole. Between
tries the wait doubles, with jitter, unless the server says how long it wants to be left
alone (``Retry-After``, RFC 9110).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, SSLError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from materials.errors import InputError, SourceError

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one a little later."""
_SECRETS = ("x-api-key",)
"""Headers that are for one server only; ``Authorization`` is taken care of by requests."""
_CUT = (requests.ConnectionError, requests.Timeout, ChunkedEncodingError)
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How hard a server may be pressed, and how long one goes on trying. Times in s."""

    per_second: float = 2.0
    """Requests, at the most."""
    attempts: int = 6
    """Tries of one request."""
    first_wait: float = 1.0
    """Before the second try; it doubles from there."""
    longest_wait: float = 60.0
    """Up to so long."""
    patience: float = 600.0
    """The longest wait that a server may ask for."""
    timeout: float = 60.0
    """Without a byte from the server."""
    largest: int = 1 << 28
    """Bytes of one answer."""

    def __post_init__(self) -> None:
        for name in ("per_second", "attempts", "timeout", "largest"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name)}, expected more than 0")


class _PassingError(Exception):
    """What went wrong may pass; after ``wait`` seconds, if the server said so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class PoliteSession(requests.Session):
    """A session of requests whose every request is polite; see :class:`Pace`.

    A request that fails for good raises :class:`SourceError`; answers of other statuses than
    :data:`PASSING` come back as they are.
    """

    def __init__(
        self, pace: Pace | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__()
        self.pace = pace or Pace()
        self.sleep = sleep
        self.headers["User-Agent"] = user_agent()
        adapter = _PoliteAdapter(self.pace, sleep)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Leave keys behind when a redirect leads to another server."""
        super().rebuild_auth(prepared_request, response)
        here, there = str(response.request.url), str(prepared_request.url)
        if self.should_strip_auth(here, there):
            for name in _SECRETS:
                prepared_request.headers.pop(name, None)


class _PoliteAdapter(HTTPAdapter):
    """Makes the requests of a session."""

    def __init__(self, pace: Pace, sleep: Callable[[float], None]) -> None:
        super().__init__(max_retries=0)
        self._pace = pace
        self._sleep = sleep
        self._turn = threading.Lock()
        self._next = 0.0
        doubling = wait_exponential(multiplier=pace.first_wait, max=pace.longest_wait)
        self._backoff = doubling + wait_random(0, pace.first_wait)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        def once() -> requests.Response:
            self._wait_turn()
            try:
                response = super(_PoliteAdapter, self).send(
                    request, True, timeout or self._pace.timeout, verify, cert, proxies
                )
                judge(response)
                if not stream:
                    _read(response, self._pace.largest)
            except SSLError as error:
                raise SourceError(
                    f"{_host(request)}: not to be trusted: {error}"
                ) from error
            except (*_CUT, ContentDecodingError) as error:
                raise _PassingError(_cut_reason(error)) from error
            return response

        retrying = Retrying(
            stop=stop_after_attempt(self._pace.attempts),
            wait=self._wait,
            retry=retry_if_exception_type(_PassingError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(once)
        except _PassingError as error:
            raise SourceError(
                f"{_host(request)}: {error}, {self._pace.attempts} times; what came before "
                "is kept: run the same command again later to go on"
            ) from error

    def _wait(self, state: RetryCallState) -> float:
        """Seconds before the next try. Raises :class:`SourceError` for more than patience."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, _PassingError) else None
        if asked is None:
            return self._backoff(state)
        if asked > self._pace.patience:
            raise SourceError(
                f"the server asks to be left alone for {asked:.0f} s; what came before is "
                "kept: run the same command again then to go on"
            )
        return asked

    def _wait_turn(self) -> None:
        with self._turn:
            now = time.monotonic()
            wait = self._next - now
            self._next = max(now, self._next) + 1 / self._pace.per_second
        if wait > 0:
            time.sleep(wait)


def user_agent() -> str:
    """Who asks: Galena and its version."""
    try:
        number = version("galena-materials")
    except PackageNotFoundError:  # run from a folder of sources
        number = "unknown"
    return f"galena-materials/{number} (python-requests/{version('requests')})"


def judge(response: requests.Response) -> None:
    """Raise for an answer that may pass."""
    if response.status_code not in PASSING:
        return
    text = response.headers.get("Retry-After")
    wait = None
    if text is not None:
        try:
            wait = max(0.0, Retry().parse_retry_after(text))
        except InvalidHeader:  # neither seconds nor a date: as if it were not there
            wait = None
    response.close()
    raise _PassingError(f"answered {response.status_code} {response.reason}", wait)


def _read(response: requests.Response, largest: int) -> None:
    """Take in the body, whole, and no more than so many bytes of it."""
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > largest:
            response.close()
            raise SourceError(
                f"{urlsplit(str(response.url)).hostname}: an answer of more than "
                f"{largest >> 20} MiB; ask for smaller pages"
            )
    response._content = bytes(body)  # where requests itself keeps what it has read
    if response.ok and "json" in response.headers.get("Content-Type", ""):
        try:
            json.loads(response._content)
        except ValueError as error:
            raise _PassingError(
                f"answered JSON that is broken off or wrong ({error})"
            ) from error


def _cut_reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "did not answer in time"
    if isinstance(error, ContentDecodingError):
        return "sent what cannot be unpacked"
    inner = str(error).lower()
    if "name or service" in inner or "name resolution" in inner or "getaddrinfo" in inner:
        return "could not be found (is there a network?)"
    if "refused" in inner:
        return "refused the connection"
    return "broke off the connection"


def _host(request: requests.PreparedRequest) -> str:
    return urlsplit(str(request.url)).netloc.rpartition("@")[2]


def get_json(
    session: requests.Session, url: str, params: Mapping[str, str] | None = None
) -> Any:
    """Return what a server answers, parsed.

    Raises:
        SourceError: it refused, or sent something else; says what.
    """
    try:
        response = session.get(url, params=params)
    except requests.TooManyRedirects as error:
        raise SourceError(f"{url}: redirects in a circle; is the address right?") from error
    except requests.RequestException as error:
        raise SourceError(f"{url}: {error}") from error
    if not response.ok:
        raise SourceError(
            f"{url}: answered {response.status_code} {response.reason}{_detail(response)}"
        )
    try:
        return response.json()
    except ValueError as error:
        kind = response.headers.get("Content-Type", "something").split(";")[0]
        start = " ".join(response.text.split())[:60]
        raise SourceError(
            f"{url}: expected JSON, got {kind} that begins with '{start}'; is the address "
            "right, and must one log in to this network?"
        ) from error


def _detail(response: requests.Response) -> str:
    """What the server says about it, where it says so in JSON, in one short line."""
    try:
        content = response.json()
    except ValueError:
        return ""
    if not isinstance(content, Mapping):
        return ""
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else content
    text = (
        first.get("detail") or first.get("message") if isinstance(first, Mapping) else None
    )
    return f": {' '.join(str(text).split())[:200]}" if text else ""
