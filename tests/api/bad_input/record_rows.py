"""Rows about immunization records and certificates."""

from typing import Any

from humiao.kit.large import XLSX
from tests.api.bad_input.rows import Request, Row, get, json
from tests.api.bad_input.stage import Stage

NOWHERE = "00000000-0000-4000-8000-000000000000"
DOSE = {"name": "王小明", "document_type": "resident_id", "document_number": "310100199005120028", "vaccine_code": "HepB",
        "given_on": "2020-01-02"}  # fmt: skip


def take_in(stage: Stage, *doses: object, who: Any = "clinic", **changes: object) -> Request:
    body = {"clinic_id": stage.open.clinic_id, "source": "paper", "doses": list(doses)} | changes
    return json("POST", "/clinic/immunizations/imports", body, who=who)


def dose(**changes: object) -> Any:
    return lambda stage: take_in(stage, DOSE | changes)


def correct(record: str = NOWHERE, **changes: object) -> Any:
    body = {"version": 1, "reason": "wrong_entry"} | changes
    return lambda _: json("POST", f"/clinic/immunizations/{record}/corrections", body, who="city")


def issue(person: str, body: object, **more: Any) -> Request:
    return json("POST", f"/resident/people/{person}/certificates", body, **more)


def verify(shown: object, **more: object) -> Any:
    return lambda _: json("POST", "/public/certificates/verify", {"shown": shown} | more, who="nobody", key=None)


RECORDS = [
    Row("dose of somebody not on record", dose(), 422, "invalid_input", "doses.0.document_number"),
    Row("dose with an ID that cannot be", dose(document_number="310100199005120029"), 422, "invalid_input", "doses.0.document_number"),
    Row("dose of tomorrow's century", dose(given_on="2199-01-01"), 422, "invalid_input", "doses.0.given_on"),
    Row("dose on 30 February", dose(given_on="2020-02-30"), 422, "invalid_input", "doses.0.given_on"),
    Row("dose with a time", dose(given_on="2020-01-02T08:00:00+08:00"), 422, "invalid_input", "doses.0.given_on"),
    Row("21st dose", dose(dose_recorded=21), 422, "invalid_input", "doses.0.dose_recorded"),
    Row("dose number as text", dose(dose_recorded="1"), 422, "invalid_input", "doses.0.dose_recorded"),
    Row("tracing code of 19 digits", dose(tracing_code="8" * 19), 422, "invalid_input", "doses.0.tracing_code"),
    Row("tracing code in full-width digits", dose(tracing_code="８" * 20), 422, "invalid_input", "doses.0.tracing_code"),
    Row("dose in the ear", dose(site="ear"), 422, "invalid_input", "doses.0.site"),
    Row("dose by drone", dose(route="DRONE"), 422, "invalid_input", "doses.0.route"),
    Row("lot of 41 characters", dose(lot="A" * 41), 422, "invalid_input", "doses.0.lot"),
    Row("lot with a control character", dose(lot="A\u0000"), 422, "invalid_input", "doses.0.lot"),
    Row("dose with an unknown member", dose(person_id=NOWHERE), 422, "invalid_input", "doses.0.person_id"),
    Row("no doses", take_in, 422, "invalid_input", "doses"),
    Row("201 doses", lambda s: take_in(s, *[DOSE] * 201), 422, "invalid_input", "doses"),
    Row("doses from nowhere", lambda s: take_in(s, DOSE, source="hearsay"), 422, "invalid_input", "source"),
    Row("doses for another clinic", lambda s: take_in(s, DOSE, clinic_id=s.full.clinic_id), 404, "unknown_clinic"),
    Row("doses for clinic 0", lambda s: take_in(s, DOSE, clinic_id=0), 422, "invalid_input", "clinic_id"),
    Row("doses by a resident", lambda s: take_in(s, DOSE, who="me"), 401, "not_logged_in"),
    Row("correction of nothing", correct(), 404, "unknown_record"),
    Row("correction of no id", correct("1"), 404, "not_found"),
    Row("correction without a reason", correct(reason=None), 422, "invalid_input", "reason"),
    Row("correction of version 0", correct(version=0), 422, "invalid_input", "version"),
    Row("correction of whose it is", correct(person_id=NOWHERE), 422, "invalid_input", "person_id"),
    Row("versions of nothing", lambda _: get(f"/clinic/immunizations/{NOWHERE}", who="city"), 404, "unknown_record"),
    Row("records of another's", lambda s: get(f"/resident/people/{s.other}/immunizations"), 404, "unknown_person"),
    Row("what is due for another's", lambda s: get(f"/resident/people/{s.other}/recommendations"), 404, "unknown_person"),
    Row("records by staff", lambda s: get(f"/resident/people/{s.me}/immunizations", who="city"), 401, "not_logged_in"),
]  # fmt: skip
CERTIFICATES = [
    Row("certificate of another's", lambda s: issue(str(s.other), {}), 404, "unknown_person"),
    Row("certificate of no records", lambda s: issue(str(s.me), {}), 409, "nothing_on_record"),
    Row("certificate of another kind", lambda s: issue(str(s.me), {"kind": "diploma"}), 422, "invalid_input", "kind"),
    Row("proof without a stage", lambda s: issue(str(s.me), {"kind": "school_check"}), 422, "invalid_input", "stage"),
    Row("certificate with a stage", lambda s: issue(str(s.me), {"stage": "primary"}), 422, "invalid_input", "stage"),
    Row("proof for a university", lambda s: issue(str(s.me), {"kind": "school_check", "stage": "university"}), 422,
        "invalid_input", "stage"),
    Row("certificate with a name of one's own", lambda s: issue(str(s.me), {"name": "王"}), 422, "invalid_input", "name"),
    Row("certificate without a key", lambda s: issue(str(s.me), {}, key=None), 400, "key_missing"),
    Row("certificates of another's", lambda s: get(f"/resident/people/{s.other}/certificates"), 404, "unknown_person"),
    Row("certificate nobody has", lambda _: get(f"/resident/certificates/{NOWHERE}"), 404, "unknown_certificate"),
    Row("print nobody has", lambda _: get(f"/resident/certificates/{NOWHERE}/pdf"), 404, "unknown_certificate"),
    Row("revoking what nobody has", lambda _: json("POST", f"/resident/certificates/{NOWHERE}/revoke", None), 404,
        "unknown_certificate"),
    Row("revoking by a clinic", lambda _: json("POST", "/admin/certificates/HM2611-0000-0000-0000/revoke",
                                               {"reason": "lost"}, who="clinic"), 403, "forbidden"),
    Row("revoking an unknown number", lambda _: json("POST", "/admin/certificates/HM2611-0000-0000-0000/revoke",
                                                     {"reason": "lost"}, who="city"), 404, "unknown_certificate"),
    Row("revoking no number", lambda _: json("POST", "/admin/certificates/HM2611/revoke", {"reason": "lost"}, who="city"),
        404, "not_found"),
    Row("revoking for no reason", lambda _: json("POST", "/admin/certificates/HM2611-0000-0000-0000/revoke",
                                                 {"reason": "whim"}, who="city"), 422, "invalid_input", "reason"),
    Row("verifying nothing", verify(""), 422, "invalid_input", "shown"),
    Row("verifying a number", verify(7), 422, "invalid_input", "shown"),
    Row("verifying 4001 characters", verify("H" * 4001), 422, "invalid_input", "shown"),
    Row("verifying a forgery", verify("HMC1.e30.AAAA"), 422, "certificate_not_genuine"),
    Row("verifying half a text", verify("HMC1.e30"), 422, "certificate_not_genuine"),
    Row("verifying an unknown number", verify("HM2611-0000-0000-0000"), 404, "unknown_certificate"),
    Row("verifying words", verify("王小明"), 404, "unknown_certificate"),
    Row("verifying with a member more", verify("HM2611-0000-0000-0000", person_id=NOWHERE), 422, "invalid_input",
        "person_id"),
]  # fmt: skip
CHILD = {"name": "王小明", "sex": "F", "birth_date": "1990-05-12", "document_type": "resident_id",
         "document_number": "310100199005120028", "class_name": "一班"}  # fmt: skip


def school_check(who: Any = "city", **changes: object) -> Any:
    school = {"district_code": "310104", "name": "实验小学"}
    body = {"school": school, "stage": "primary", "children": [CHILD]} | changes
    return lambda _: json("POST", "/clinic/school-checks", body, who=who)


def statistics(query: str, who: Any = "city") -> Any:
    return lambda _: get(f"/admin/school-checks/statistics?{query}", who=who)


SCHOOLS = [
    Row("check of a child without a name", school_check(children=[CHILD | {"name": ""}]), 422, "invalid_input", "children.0.name"),
    Row("check of an ID that cannot be", school_check(children=[CHILD | {"document_number": "310100199005120029"}]), 422,
        "invalid_input", "children.0.document_number"),
    Row("check of another birth date", school_check(children=[CHILD | {"birth_date": "1990-05-13"}]), 422, "invalid_input",
        "children.0.birth_date"),
    Row("check of a child twice", school_check(children=[CHILD, CHILD]), 422, "invalid_input", "children.1.document_number"),
    Row("check of nobody", school_check(children=[]), 422, "invalid_input", "children"),
    Row("check of 201 children", school_check(children=[CHILD] * 201), 422, "invalid_input", "children"),
    Row("check for a university", school_check(stage="university"), 422, "invalid_input", "stage"),
    Row("check of a school nowhere", school_check(school={"district_code": "999999", "name": "实验小学"}), 404,
        "unknown_district"),
    Row("check of a school without a name", school_check(school={"district_code": "310104", "name": "  "}), 422,
        "invalid_input", "school.name"),
    Row("check before birth", school_check(on="1990-05-11"), 422, "invalid_input", "children.0.birth_date"),
    Row("check by a resident", school_check(who="me"), 401, "not_logged_in"),
    Row("figures of a span that ends first", statistics("since=2026-02-01&until=2026-01-01"), 422, "invalid_input", "until"),
    Row("figures of a century", statistics("since=1900-01-01&until=2026-01-01"), 422, "invalid_input", "until"),
    Row("figures of no span", statistics("since=2026-01-01"), 422, "invalid_input", "until"),
    Row("figures for a clinic", statistics("since=2026-01-01&until=2026-12-31", who="clinic"), 403, "forbidden"),
]  # fmt: skip
LIST = "/clinic/school-checks/lists?district_code=310104&school=%E5%AE%9E%E9%AA%8C%E5%B0%8F%E5%AD%A6&stage=primary"


EXEMPT = {"series": "VAR", "grounds": "儿科医院诊断证明"}


def exempt(child: str = "1", who: Any = "clinic", **changes: object) -> Any:
    path = f"/clinic/school-checks/{NOWHERE}/children/{child}/exemptions"
    return lambda _: json("POST", path, EXEMPT | changes, who=who)


def class_list(body: bytes = b"PK", query: str = LIST, **more: Any) -> Any:
    return lambda _: Request("POST", query, body, **({"who": "city", "content_type": XLSX} | more))


LISTS = [
    Row("list as a resident", class_list(who="me"), 401, "not_logged_in"),
    Row("list as nobody", class_list(who="nobody"), 401, "not_logged_in"),
    Row("list without a key", class_list(key=None), 400, "key_missing"),
    Row("list that is none", class_list(), 422, "invalid_input", "file"),
    Row("list of nothing", class_list(b""), 422, "invalid_input", "file"),
    Row("list of six megabytes", class_list(b"x" * 6_000_000), 413, "body_too_large"),
    Row("list as JSON", class_list(b"{}", content_type="application/json"), 415, "not_a_list"),
    Row("list of a school nowhere", class_list(query=LIST.replace("310104", "999999")), 404, "unknown_district"),
    Row("list for a university", class_list(query=LIST.replace("primary", "university")), 422, "invalid_input", "stage"),
    Row("list of no school", class_list(query="/clinic/school-checks/lists?district_code=310104&stage=primary"), 422,
        "invalid_input", "school"),
    Row("check nobody made", lambda _: get(f"/clinic/school-checks/{NOWHERE}", who="city"), 404, "unknown_check"),
    Row("check of no id", lambda _: get("/clinic/school-checks/7", who="city"), 404, "not_found"),
    Row("check after minus one", lambda _: get(f"/clinic/school-checks/{NOWHERE}?after=-1", who="city"), 422,
        "invalid_input", "after"),
    Row("checks of a span that ends first", lambda _: get("/clinic/school-checks?since=2026-02-01&until=2026-01-01",
                                                          who="city"), 422, "invalid_input", "until"),
    Row("checks as a resident", lambda _: get("/clinic/school-checks?since=2026-01-01&until=2026-01-01"), 401,
        "not_logged_in"),
    Row("report nobody made", lambda _: get(f"/clinic/school-checks/{NOWHERE}/report", who="clinic"), 404,
        "unknown_check"),
    Row("re-check of what nobody made", lambda _: json("POST", f"/clinic/school-checks/{NOWHERE}/rechecks", None,
                                                       who="clinic"), 404, "unknown_check"),
    Row("exemption in a check nobody made", exempt(), 404, "unknown_check"),
    Row("exemption of child zero", exempt("0"), 404, "not_found"),
    Row("exemption from HPV", exempt(series="HPV"), 422, "invalid_input", "series"),
    Row("exemption for no reason", exempt(grounds="  "), 422, "invalid_input", "grounds"),
    Row("exemption until 30 February", exempt(until="2027-02-30"), 422, "invalid_input", "until"),
    Row("exemption of a person one names", exempt(person_id=NOWHERE), 422, "invalid_input", "person_id"),
    Row("exemption by a resident", exempt(who="me"), 401, "not_logged_in"),
    Row("end of an exemption nobody made", lambda _: json("POST", f"/clinic/school-checks/exemptions/{NOWHERE}/end", None,
                                                          who="clinic"), 404, "unknown_exemption"),
]  # fmt: skip
ROWS = [*RECORDS, *CERTIFICATES, *SCHOOLS, *LISTS]
