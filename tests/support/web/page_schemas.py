"""The routes of both pages' servers as OpenAPI, for Schemathesis, which tries to break them.

Every route must be listed here (test_web_schema.py compares). The token is left out:
test_web_every_route.py tests requests without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bgblur.localhost.pages import MEDIA_TYPES
from bgblur.sinks.web.app import FILES
from bgblur.training.record.server import FILES as RECORDER_FILES

TEXT = {"text/plain": {"schema": {"type": "string", "pattern": "\\n$"}}}
REFUSALS: dict[str, Any] = {
    "403": {"description": "Not the holder of the address.", "content": TEXT},
    "405": {"description": "Another method.", "content": TEXT},
}
STREAM: dict[str, Any] = {"multipart/x-mixed-replace": {}}


def described(title: str, paths: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
    }


def get(content: dict[str, Any], *parameters: dict[str, Any], **refusals: Any) -> dict[str, Any]:
    answers = {"200": {"description": "It.", "content": content}, **REFUSALS}
    return {
        "get": {
            "parameters": list(parameters),
            "responses": answers | refusals_as_responses(refusals),
        }
    }


def post(
    answer: dict[str, Any], *parameters: dict[str, Any], body: Any = None, **refusals: Any
) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    answers = {"200": {"description": "Done.", "content": content}, **REFUSALS}
    operation = {
        "parameters": list(parameters),
        "responses": answers | refusals_as_responses(refusals),
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return {"post": operation}


def refusals_as_responses(refusals: dict[str, str]) -> dict[str, Any]:
    """``_422="why"`` as a response."""
    return {
        code.strip("_"): {"description": why, "content": TEXT} for code, why in refusals.items()
    }


def in_path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def files(*paths: Path) -> dict[str, Any]:
    """The page and what it loads."""
    page = {"schema": {"type": "string", "pattern": "^<!doctype html>"}}
    loaded = {f"/{path.name}": get({MEDIA_TYPES[path.suffix]: {}}) for path in paths}
    return {"/": get({"text/html": page}), **loaded}


NUMBER = {"type": ["number", "null"]}
TEXT_OR_NONE = {"type": ["string", "null"]}

CAMERA = {
    "type": "object",
    "required": ["text", "value", "chosen"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string"},
        "value": {"type": "string"},
        "chosen": {"type": "boolean"},
    },
}

PREVIEW = described(
    "preview",
    {
        **files(*FILES),
        "/stream": get(
            STREAM,
            {
                "name": "view", "in": "query",
                "schema": {"enum": ["after", "before", "alpha"], "default": "after"},
            },
            _404="No such view.", _503="Too many streams.",
        ),
        "/api/status": get({"application/json": {"schema": {"type": "object"}}}),
        "/api/cameras": get({"application/json": {"schema": {"type": "array", "items": CAMERA}}}),
        "/api/set": post(
            {"type": "object", "required": ["key", "value"]},
            body={"application/json": {"schema": {
                "type": "object",
                "required": ["key", "value"],
                "additionalProperties": False,
                "properties": {
                    "key": {"enum": [
                        "background.strength", "background.blur", "background.mode",
                        "background.image",
                        "background.color", "camera.device", "camera.mirror",
                        "camera.rotate", "camera.flip", "camera.zoom", "camera.center",
                        "camera.follow", "output.width", "output.height", "output.fit",
                        "output.bars", "output.paused",
                        "output.pause_shows",
                    ]},
                    "value": {"anyOf": [
                        {"type": ["string", "number", "boolean"]},
                        {"type": "array", "items": {"type": "number"}},
                    ]},
                },
            }}},
            _413="Too long.", _422="Not such a value.",
        ),
    },
)  # fmt: skip

STATE = {
    "type": "object",
    "required": ["phase", "guide", "seconds", "taken", "count", "waiting", "accepted"],
    "properties": {
        "seconds": NUMBER,
        "problem": TEXT_OR_NONE,
        "waiting": {"type": "array", "items": {"type": "string"}},
    },
}
NAME = in_path("name", {"type": "string", "minLength": 1})
RECORDER = described(
    "recorder",
    {
        **files(*RECORDER_FILES),
        "/stream": get(STREAM, _404="No such view.", _503="Too many streams."),
        "/api/state": get({"application/json": {"schema": STATE}}),
        **{f"/api/{action}": post(STATE) for action in ("pause", "resume", "finish")},
        "/api/picture/{name}": get(
            {"image/jpeg": {}}, NAME, _404="No such.", _422="Not waiting."
        ),
        "/api/mask/{name}": get({"image/png": {}}, NAME, _404="No such.", _422="Not waiting."),
        "/api/accept/{name}": post(
            STATE, NAME, body={"image/png": {"schema": {"type": "string", "format": "binary"}}},
            _404="No such.", _413="Too long.", _422="Not waiting, or no mask.",
        ),
        "/api/reject/{name}": post(STATE, NAME, _404="No such.", _422="Not waiting."),
    },
)  # fmt: skip
