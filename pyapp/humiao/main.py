"""The composition root: settings in, application out. The only place that wires."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import structlog
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response

from humiao import __name__ as package
from humiao.antiabuse.meters import BreakerMeter
from humiao.antiabuse.service import AntiAbuseService
from humiao.api import DOMAINS, ROUTERS
from humiao.auth.dependencies import refuse_strangers
from humiao.auth.generations import Generations
from humiao.auth.service import AuthService
from humiao.auth.tokens import Tokens
from humiao.booking.cache import Gatekeeper
from humiao.booking.engine import BookingEngine
from humiao.booking.ledger import Ledger
from humiao.booking.meters import CacheMeters, LaneMeters, LedgerMeters
from humiao.booking.service import BookingService
from humiao.certificates.service import CertificatesService
from humiao.certificates.verifying import VerifyingService
from humiao.clinics.service import ClinicsService
from humiao.eligibility.service import EligibilityService
from humiao.immunizations.city_count import CityCounts
from humiao.immunizations.desk import RecordsDesk
from humiao.immunizations.drafts import DraftsService
from humiao.immunizations.own import OwnRecordsService
from humiao.immunizations.service import Programmes
from humiao.kit.database import DISCONNECTED, Database, DatabaseBusy
from humiao.kit.keys import Keys, load_keys
from humiao.kit.logs import configure_logs
from humiao.kit.measured import Measured
from humiao.kit.meters import Exporter, HttpMeters, PoolMeters, new_registry
from humiao.kit.pages import Pages
from humiao.kit.problem_schema import describe, operation_id
from humiao.kit.web import Edge, install_handlers
from humiao.large import LARGE_BODIES
from humiao.limits.service import LimitsService
from humiao.reminders.service import RemindersService
from humiao.residents.service import ResidentsService
from humiao.rooms.desk import RoomsDesk
from humiao.rooms.service import RoomsService
from humiao.scheduling.service import SchedulingService
from humiao.schoolcheck.desk import SchoolDesk
from humiao.schoolcheck.exemptions import Exemptions
from humiao.schoolcheck.kept import KeptChecks
from humiao.settings import H5_DIST, Settings
from humiao.vaccines.service import VaccinesService
from humiao.visits.booking import DeskBookings
from humiao.visits.service import VisitsService
from humiao.waitlist.answers import OffersService
from humiao.waitlist.campaigns import CampaignsService
from humiao.waitlist.entries import EntriesService
from humiao.waitlist.leftovers import LeftoversService
from humiao.waitlist.ranks import Ranks
from humiao.waitlist.reports import ReportsService

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, by domain, as routers find them."""

    antiabuse: AntiAbuseService
    auth: AuthService
    residents: ResidentsService
    vaccines: VaccinesService
    clinics: ClinicsService
    eligibility: EligibilityService
    booking: BookingService
    rooms: RoomsService
    rooms_desk: RoomsDesk
    scheduling: SchedulingService
    visits: VisitsService
    desk_bookings: DeskBookings
    limits: LimitsService
    drafts: DraftsService
    city_counts: CityCounts
    reminders: RemindersService
    own_records: OwnRecordsService
    records_desk: RecordsDesk
    certificates: CertificatesService
    verifying: VerifyingService
    school_desk: SchoolDesk
    kept_checks: KeptChecks
    exemptions: Exemptions
    entries: EntriesService
    offers: OffersService
    campaigns: CampaignsService
    leftovers: LeftoversService
    reports: ReportsService


class UnsetAddress(Exception):
    """A process was started without the address of its database or cache."""


def addresses(settings: Settings) -> tuple[str, str]:
    """The database and cache addresses; raises UnsetAddress where one is missing."""
    if not settings.database_url or not settings.redis_url:
        raise UnsetAddress("HUMIAO_DATABASE_URL and HUMIAO_REDIS_URL must be set (`humiao up` sets them)")
    return settings.database_url, settings.redis_url


def what_lacks(settings: Settings, keys: Keys) -> list[dict[str, str]]:
    """What the API works without and should not be without: `event`, its `effect`, and what `mend`s it."""
    lacking = []
    if not keys.certificate_keys:
        lacking.append(
            {
                "event": "no key to sign certificates",
                "effect": "暂不能签发电子接种证和查验证明 / certificates are refused",
                "mend": "humiao keys, then restart the API",
            }
        )
    if not settings.public_url:
        lacking.append(
            {
                "event": "no public address",
                "effect": "二维码里没有网址，扫码后须手工粘贴 / QR codes bear bare text",
                "mend": "set HUMIAO_PUBLIC_URL=https://…",
            }
        )
    return lacking


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the API. Connections are opened when the application starts and closed when it stops."""
    settings = settings or Settings()
    database_url, redis_url = addresses(settings)
    configure_logs(settings.log_level)
    registry = new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keys = load_keys(settings.keys_path)
        for lack in what_lacks(settings, keys):
            log.warning(**lack)
        vault = keys.vault()
        exporter = Exporter(settings.admin, registry) if settings.admin else None
        pool_meters = PoolMeters(registry)
        database = await Database.connect(database_url, connections=settings.database_connections, meters=pool_meters)
        generations = Generations(database)
        await generations.read()
        tokens = Tokens(keys.token_keys, ttl_s=settings.access_token_ttl_s, generations=generations.current)
        ledger_database = await Database.connect(
            database_url,
            connections=settings.ledger_connections,
            generic_plans=True,
            name="ledger",
            meters=pool_meters,
        )
        ledger = Ledger(
            ledger_database,
            hold_ttl_ms=settings.hold_ttl_s * 1000,
            grace_ms=settings.hold_grace_s * 1000,
            meters=LedgerMeters(registry),
        )
        gatekeeper = Gatekeeper(redis_url, database, permit_ttl_ms=settings.permit_ttl_ms, meters=CacheMeters(registry))
        engine = BookingEngine(
            ledger,
            gatekeeper,
            batch_max=settings.ledger_batch_max,
            slow_path_limit=settings.slow_path_limit,
            meters=LaneMeters(registry),
            full_retry_s=settings.full_retry_s,
        )
        antiabuse = AntiAbuseService(
            database,
            vault,
            challenge_cost=settings.challenge_cost,
            challenge_ttl_s=settings.challenge_ttl_s,
            on_breaker=BreakerMeter(registry).opened,
        )
        programmes = Programmes(database)
        await programmes.read()
        limits = LimitsService(database)
        own_records = OwnRecordsService(database, programmes)
        rooms = RoomsService(database, tokens, vault)
        eligibility = EligibilityService(database, tokens, programmes, limits, ttl_s=settings.pass_ttl_s)
        ranks = Ranks(gatekeeper.admitter)
        app.state.tokens, app.state.database, app.state.gatekeeper = tokens, database, gatekeeper
        app.state.generations = generations
        app.state.services = Services(
            antiabuse=antiabuse,
            auth=AuthService(
                database,
                vault,
                tokens,
                antiabuse,
                otp_ttl_s=settings.otp_ttl_s,
                otp_tries=settings.otp_tries,
                refresh_ttl_s=settings.refresh_ttl_s,
            ),
            residents=ResidentsService(database, vault),
            vaccines=VaccinesService(database),
            clinics=ClinicsService(database),
            eligibility=eligibility,
            booking=BookingService(engine, database, vault, eligibility, limits, rooms),
            rooms=rooms,
            rooms_desk=RoomsDesk(database, vault),
            scheduling=SchedulingService(database, engine),
            visits=VisitsService(database, vault, gatekeeper),
            desk_bookings=DeskBookings(database, vault, engine, eligibility, rooms),
            limits=limits,
            drafts=DraftsService(database, programmes),
            city_counts=CityCounts(database),
            reminders=RemindersService(database),
            own_records=own_records,
            records_desk=RecordsDesk(database, vault),
            certificates=CertificatesService(
                database, vault, keys, own_records, programmes, public_url=settings.public_url
            ),
            verifying=VerifyingService(database, vault, keys, programmes),
            school_desk=SchoolDesk(database, vault, programmes),
            kept_checks=KeptChecks(database, vault, programmes),
            exemptions=Exemptions(database, vault),
            entries=EntriesService(database, vault, gatekeeper, ranks, keys.receipt_keys),
            offers=OffersService(database, vault, gatekeeper, eligibility, grace_ms=settings.hold_grace_s * 1000),
            campaigns=CampaignsService(database, vault, ranks),
            leftovers=LeftoversService(database, gatekeeper),
            reports=ReportsService(database),
        )
        keeping_up = [asyncio.create_task(one.keep_up()) for one in (generations, programmes)]
        yield
        for task in keeping_up:
            task.cancel()
        await asyncio.gather(*keeping_up, return_exceptions=True)
        await engine.drain()
        await rooms.drain()
        await gatekeeper.close()
        await ledger_database.close()
        await database.close()
        if exporter:
            await asyncio.to_thread(exporter.close)

    app = FastAPI(
        title="沪苗 Humiao",
        version="0.1.0",
        description="Registration, booking and public services for immunization. Errors are RFC 9457 problems.",
        lifespan=lifespan,
        openapi_tags=DOMAINS,
        generate_unique_id_function=operation_id,
    )
    for router in ROUTERS:
        app.include_router(router)
    _add_operations(app)
    describe(app)
    install_handlers(app)
    app.add_middleware(Edge, max_body_bytes=settings.max_body_bytes, before_body=refuse_strangers, larger=LARGE_BODIES)
    app.add_middleware(Measured, meters=HttpMeters(registry))
    app.state.registry = registry
    return app


def _add_operations(app: FastAPI) -> None:
    """Health for those who run it, and the pages for those who use it."""

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return Response(orjson.dumps({"status": "ok", "package": package}), media_type="application/json")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Ready means PostgreSQL answers; a cache that is away slows sales and is reported, not fatal."""
        try:
            async with app.state.database.read() as connection:
                await connection.fetchval("SELECT 1")
        except (DatabaseBusy, *DISCONNECTED):
            return Response(b'{"status":"database away"}', 503, media_type="application/json")
        try:
            cache = await app.state.gatekeeper.ping()
        except ConnectionError:
            cache = {"status": "away"}
        return Response(orjson.dumps({"status": "ready", "cache": cache}), media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/h5/")

    if H5_DIST.is_dir():
        app.mount("/h5", Pages(directory=H5_DIST, html=True), name="h5")
