"""Certificates made for the tests."""

from datetime import date, timedelta

from hypothesis import strategies as st

from humiao.certificates.payload import ALPHABET_OF_NUMBERS, Certificate, SignedCheck, SignedDose
from humiao.kit.keys import CertificateKey
from humiao.kit.signed import public_keys
from humiao.schoolcheck.verdict import STAGES, Result

KEY = CertificateKey("a1b2c3d4", bytes(range(32)))
OTHER = CertificateKey("ffffffff", bytes(range(1, 33)))
PUBLISHED = public_keys([KEY])
BORN = date(2019, 1, 2)
SAMPLE = Certificate(
    "HM2611-7K3F-9QWX-2B5D", "certificate", date(2026, 11, 28), "*小明", BORN, "CN-SH-2026.1",
    (SignedDose("BCG", BORN), SignedDose("HepB", BORN), SignedDose("DTaP-IPV-Hib", BORN + timedelta(days=60))), 3,
)  # fmt: skip

numbers = st.lists(st.sampled_from(ALPHABET_OF_NUMBERS), min_size=12, max_size=12).map(
    lambda c: f"HM2611-{''.join(c[:4])}-{''.join(c[4:8])}-{''.join(c[8:])}"
)
days = st.dates(date(1950, 1, 1), date(2026, 11, 28))


@st.composite
def certificates(draw: st.DrawFn) -> Certificate:
    """Any certificate that a city could sign."""
    born = draw(days)
    vaccines = st.sampled_from(["HepB", "BCG", "DTaP-IPV-Hib", "IIV4", "COVID19"])
    given = st.tuples(st.integers(0, 36_000), vaccines)
    doses = [SignedDose(vaccine, born + timedelta(days=day)) for day, vaccine in draw(st.lists(given, max_size=60))]
    doses.sort(key=lambda dose: (dose.given_on, dose.vaccine))
    kind = draw(st.sampled_from(["certificate", "records", "school_check"]))
    verdict = None
    if kind == "school_check":
        doses, verdict = [], SignedCheck(draw(st.sampled_from([*STAGES])), draw(st.sampled_from([*Result])))
    return Certificate(draw(numbers), kind, draw(days), draw(st.text(min_size=1, max_size=30).filter(str.isprintable)),
                       born, "CN-SH-2026.1", tuple(doses), len(doses), verdict)  # fmt: skip
