"""What sites ask the authority for over HTTPS: what is there for them, parts out, parts in.

Every request is signed by the site (`rules.site_signing`); what goes over the line is sealed besides.
"""

import base64
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.sites import ExamSite, SiteFile
from server.errors import NotFound, Refused
from server.rules.site_file import DISPATCH, PART_BYTES, FileBroken, read_head
from server.rules.site_signing import CODE, signed_at
from server.services import exam_sites, site_exchange, site_files, site_wall
from server.services.site_exchange import Desk
from server.web.guard import current_host

bp = Blueprint("site_link", __name__)
BODY_MOST = PART_BYTES + (64 << 10)
MOST_OFFERED = 50


def _desk() -> Desk:
    host = current_host()
    return Desk(host.db, host.answers, host.site, host.now)


def _site() -> tuple[int, datetime]:
    """The site that signed this request and when. Raises `Refused` (`site_link_strange`)."""
    host = current_host()
    if (request.content_length or 0) > BODY_MOST:
        raise Refused("site_link_strange", 401)
    asked = request.method, request.full_path.rstrip("?"), request.get_data()
    with host.db.read() as session:
        try:
            site = exam_sites.by_code(session, request.headers.get(CODE, ""))
        except Refused as refusal:
            raise Refused("site_link_strange", 401) from refusal
        at = signed_at(dict(request.headers), site.public_key, asked, now=host.now())
        if at is None:
            raise Refused("site_link_strange", 401)
        return site.id, at


@bp.post("/site-link/exchange")
def exchange() -> ResponseReturnValue:
    """The site's word and the heads of its results; back come what is there for it and what is lacking."""
    site_id, at = _site()
    host = current_host()
    try:
        asked = request.get_json()
        said = site_wall.read_report(asked["report"])
        heads = [base64.b64decode(head, validate=True) for head in asked["offers"][:MOST_OFFERED]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as fault:
        raise Refused("site_link_strange", 422) from fault
    host.db.write(site_wall.heard, site_id, said, at, now=host.now())
    offers = [_offered(site_id, head) for head in heads]
    with host.db.read() as session:
        return jsonify(now=host.now().isoformat(), files=_for(session, site_id), offers=offers)


def _offered(site_id: int, raw: bytes) -> dict[str, Any]:
    """How far results are that a site has; a head that does not hold is named, the others go on."""
    try:
        head = read_head(raw)
        with current_host().db.read() as session:
            if session.get_one(ExamSite, site_id).public_key != head.sender:
                raise Refused("site_link_strange", 401)
        came = site_exchange.receive_head(_desk(), head)
    except FileBroken as fault:
        return {"uid": "", "state": site_files.REFUSED, "missing": [], "code": f"site_file_{fault.code}"}
    except Refused as refusal:
        return {"uid": head.uid, "state": site_files.REFUSED, "missing": [], "code": refusal.code}
    return {"uid": head.uid, "state": came.state, "missing": list(came.missing), "code": ""}


def _for(session: Session, site_id: int) -> list[dict[str, str]]:
    """Dispatches that the site has not confirmed."""
    query = select(SiteFile).where(
        SiteFile.site_id == site_id,
        SiteFile.incoming.is_(False),
        SiteFile.kind == DISPATCH,
        SiteFile.state == site_files.MADE,
    )
    rows = session.scalars(query.order_by(SiteFile.id).limit(MOST_OFFERED))
    return [{"uid": row.uid, "head": base64.b64encode(row.head).decode()} for row in rows]


@bp.get("/site-link/files/<uid>/<int:number>")
def fetch(uid: str, number: int) -> ResponseReturnValue:
    """One sealed part of a dispatch to this site."""
    site_id, _at = _site()
    with current_host().db.read() as session:
        row = site_files.by_uid(session, uid)
        if row is None or row.site_id != site_id or row.incoming:
            raise NotFound("file")
        data = site_files.part(session, row.id, number)
    return Response(data, mimetype="application/octet-stream")


@bp.post("/site-link/files/<uid>/<int:number>")
def put(uid: str, number: int) -> ResponseReturnValue:
    """One sealed part of results of this site, kept after its hash was checked."""
    site_id, _at = _site()
    host = current_host()
    with host.db.read() as session:
        row = site_files.by_uid(session, uid)
        if row is None or row.site_id != site_id or not row.incoming:
            raise NotFound("file")
    host.db.write(site_files.put_part, row.id, number, request.get_data())
    came = site_exchange.came(_desk(), row.id)
    return jsonify(uid=uid, state=came.state, missing=list(came.missing))
