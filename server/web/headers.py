"""Headers of every answer: strict content policy, no sniffing, no framing, no caching of pages."""

from flask import Flask, request
from werkzeug.wrappers import Response

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def init_headers(app: Flask) -> None:
    """Adds the headers to every answer."""
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    """Sets what is not set; pages are never kept by a browser, static files only after asking again."""
    if request.endpoint == "static":
        response.headers["Cache-Control"] = "no-cache"
    return harden(response)


def harden(response: Response) -> Response:
    """The same for an answer outside of Flask; whatever says nothing about it is never kept."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
