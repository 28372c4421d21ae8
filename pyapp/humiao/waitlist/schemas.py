"""Shapes of the waitlist's routes: campaigns, entries, offers."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, DatabaseId, InputTime, PlainText, StrictModel, Whole

Mode = Literal["queue", "draw"]
CampaignState = Literal["draft", "published", "closed", "drawn", "ended"]
EntryState = Literal["waiting", "offered", "accepted", "declined", "expired", "withdrawn", "unserved", "done"]
OfferState = Literal["open", "accepted", "declined", "expired", "withdrawn"]
CLINICS_MOST = 20
District = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class GroupInput(StrictModel):
    """A condition on a person; what is left out does not ask. Ages in whole months, `below_months` is too old.
    Of `districts` (GB/T 2260) one is where they live or work, by `basis`, or either.
    """

    from_months: Whole | None = Field(None, ge=0, le=1500)
    below_months: Whole | None = Field(None, ge=1, le=1500)
    sex: Literal["F", "M"] | None = None
    from_doses: Whole | None = Field(None, ge=0, le=20)
    most_doses: Whole | None = Field(None, ge=0, le=20)
    waited_before: Literal[True] | None = None
    districts: list[District] | None = Field(None, min_length=1, max_length=16)
    basis: Literal["residence", "work", "either"] | None = None


class TierInput(GroupInput):
    """A condition with what people are told about it; the first that fits is a person's tier."""

    label: PlainText = Field(min_length=1, max_length=40)


class CampaignInput(StrictModel):
    """A campaign to be made; everything is fixed when it is published. The last tier asks nothing."""

    title: PlainText = Field(min_length=2, max_length=60)
    vaccine_code: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$")
    mode: Mode
    opens_at: InputTime
    closes_at: InputTime
    clinics: list[Whole] = Field([], max_length=500)
    eligible: GroupInput = GroupInput()
    tiers: list[TierInput] = Field([TierInput(label="全部登记人")], min_length=1, max_length=20)
    offer_minutes: Whole = Field(1440, ge=5, le=10080)
    entropy_rule: PlainText | None = Field(None, min_length=1, max_length=300)


class TierAnswer(Answer):
    """A tier as people are told it."""

    tier: int
    label: str


class CampaignAnswer(Answer):
    """A campaign as residents see it. `phase` is its state by the clock."""

    campaign_id: DatabaseId
    title: str
    vaccine_code: str
    vaccine_name: str
    mode: Mode
    state: CampaignState
    phase: Literal["draft", "announced", "open", "closed", "drawn", "ended"]
    paused: bool
    opens_at: CityTime
    closes_at: CityTime
    eligible: GroupInput
    tiers: list[TierAnswer]
    offer_minutes: int
    entropy_rule: str | None


class ClinicChoice(Answer):
    """A clinic one may choose."""

    clinic_id: int
    name: str
    address: str
    district_code: str


class CampaignsAnswer(Answer):
    """Campaigns, those that take entries first."""

    items: list[CampaignAnswer]


class CampaignDetail(CampaignAnswer):
    """One campaign with the clinics to choose from."""

    clinics: list[ClinicChoice]


class RegisterInput(StrictModel):
    """Who registers, and at which clinics they would take a dose; none named: at any."""

    person_id: UUID
    clinics: list[Whole] = Field([], max_length=CLINICS_MOST)


class ClinicsInput(StrictModel):
    """Other clinics; none named: any."""

    clinics: list[Whole] = Field(max_length=CLINICS_MOST)


class StandbyInput(StrictModel):
    """From which district one would come at once for leftover doses; null: not asked any more."""

    district: District | None


class EntryPerson(Answer):
    """Whose entry it is."""

    person_id: UUID
    name_masked: str


class EntryCampaign(Answer):
    """The campaign of an entry, in short."""

    campaign_id: DatabaseId
    title: str
    vaccine_code: str
    vaccine_name: str
    mode: Mode
    state: CampaignState
    paused: bool
    closes_at: CityTime


class EntryOffer(Answer):
    """The offer of an entry, in short."""

    offer_id: UUID
    state: OfferState
    answer_by: CityTime


class EntryAnswer(Answer):
    """An entry of one of the caller's people."""

    entry_id: DatabaseId
    ticket: str
    campaign: EntryCampaign
    person: EntryPerson
    state: EntryState
    state_label: str
    tier: int
    tier_label: str
    drawn_position: int | None
    clinics: list[int]
    standby_district: str | None = Field(description="from where one would come for leftovers; null: not willing")
    registered_at: CityTime
    can_withdraw: bool
    can_change: bool
    offer: EntryOffer | None


class EntriesAnswer(Answer):
    """The caller's entries, live ones first."""

    items: list[EntryAnswer]


class RankAnswer(Answer):
    """Where an entry stands among those that wait. `previous` says why the one just before it is served first."""

    ahead: int
    ahead_in_earlier_tiers: int
    waiting: int
    previous: str | None


class OutlookAnswer(Answer):
    """How far doses may reach, by what came so far; `likely` null: nothing to go by yet."""

    doses: int
    doses_left: int
    acceptance_percent: int
    reaches: int
    likely: bool | None


class SkipAnswer(Answer):
    """Why the entry was passed over."""

    at: CityTime
    clinic_name: str
    why: str


class PlaceAnswer(EntryAnswer):
    """An entry with its place, how it came about, what changes it, and the outlook (为什么还没轮到我)."""

    rank: RankAnswer | None
    how: list[str]
    changes: list[str]
    outlook: OutlookAnswer
    skips: list[SkipAnswer]


class ReceiptAnswer(Answer):
    """The city's signature that a ticket takes part; check it with `humiao draw receipt`."""

    receipt: str


class OfferWindow(Answer):
    """A window one may choose; `kept` is the one that is held now."""

    window_id: DatabaseId
    starts_at: CityTime
    ends_at: CityTime
    kept: bool


class OfferClinic(Answer):
    """Where the dose is."""

    clinic_id: int
    name: str
    address: str
    phone: str


class OfferVaccine(Answer):
    """What is offered."""

    vaccine_code: str
    name: str
    product_id: int
    product_name: str
    price_fen: int


class OfferAnswer(Answer):
    """An offer: a dose that is kept until `answer_by`. One of leftovers costs no place when it is not taken."""

    offer_id: UUID
    entry_id: DatabaseId
    campaign_id: DatabaseId
    title: str
    state: OfferState
    leftover: bool
    person: EntryPerson
    clinic: OfferClinic
    vaccine: OfferVaccine
    made_at: CityTime
    answer_by: CityTime
    windows: list[OfferWindow]
    reservation_id: UUID | None


class AcceptInput(StrictModel):
    """The window that is chosen; the one that is kept needs no room."""

    window_id: DatabaseId


class EmptyInput(StrictModel):
    """Nothing to say."""


class ReasonInput(StrictModel):
    """Why."""

    reason: PlainText = Field(min_length=1, max_length=200)


class EntropyInput(StrictModel):
    """The public value, as this officer read it from its source."""

    entropy: PlainText = Field(min_length=1, max_length=300)


class DrawAnswer(Answer):
    """How far a draw has come: committed, sealed, half_read (one officer has typed the value), drawn."""

    campaign_id: DatabaseId
    step: Literal["committed", "sealed", "half_read", "drawn"]
    commitment: str | None
    tickets: int | None


class ReleaseInput(StrictModel):
    """Doses of a clinic session's stock that are the campaign's."""

    stock_id: DatabaseId
    doses: Whole = Field(ge=1, le=100_000)


class LeftoverInput(StrictModel):
    """Doses left of today's stock, until when people may come, and how long each may think about it."""

    stock_id: DatabaseId
    doses: Whole = Field(ge=1, le=1000)
    until: InputTime
    offer_minutes: Whole = Field(15, ge=5, le=60)


class DosesInput(StrictModel):
    """A new number of doses and why; never below what is offered and used."""

    doses: Whole = Field(ge=0, le=100_000)
    reason: PlainText = Field(min_length=1, max_length=200)


class ReleaseAnswer(Answer):
    """A release and what became of its doses: used + offered + free = doses."""

    release_id: DatabaseId
    campaign_id: DatabaseId
    stock_id: DatabaseId
    clinic_id: int
    clinic_name: str
    session_date: date
    leftover: bool
    doses: int
    used: int
    offered: int
    free: int
    accepted: int
    declined: int
    expired: int
    withdrawn: int
    skips: int
    rounds: int
    last_round_at: CityTime | None


class ForecastAnswer(Answer):
    """How far the doses may reach."""

    waiting: int
    doses: int
    doses_left: int
    offers: int
    accepted: int
    acceptance_percent: int
    reaches: int


class StaffCampaignAnswer(CampaignAnswer):
    """A campaign as staff see it."""

    entries: dict[str, int]
    created_at: datetime
    draw: DrawAnswer | None


class StaffCampaignsAnswer(Answer):
    """All campaigns."""

    items: list[StaffCampaignAnswer]


class ReleasesAnswer(Answer):
    """The report after each release."""

    items: list[ReleaseAnswer]


class PublicChannel(Answer):
    """Places of a channel and people who took some, in steps of five; null: fewer than five, or none."""

    channel: Literal["h5", "desk", "phone", "school", "campaign"]
    label: str
    places: int
    taken: int | None
    share_percent: int | None


class PublicRelease(Answer):
    """Doses of one day and clinic. People in steps of five; null: fewer than five, or none."""

    release_id: DatabaseId
    session_date: date
    clinic_name: str
    leftover: bool
    doses: int
    asked: int | None
    accepted: int | None
    created_at: CityTime
    last_round_at: CityTime | None
    channels: list[PublicChannel]


class PublicReport(Answer):
    """What became of a campaign's doses, for everybody. People in steps of five; null: fewer than five, or none."""

    campaign_id: DatabaseId
    title: str
    vaccine_name: str
    as_of: CityTime
    registered: int | None
    waiting: int | None
    releases: list[PublicRelease]
