"""Every router, in one list, and what their domains are called."""

from fastapi import APIRouter

from humiao.antiabuse.router import router as antiabuse
from humiao.auth.router import router as auth
from humiao.backoffice.programme_router import router as programme
from humiao.backoffice.router import router as backoffice
from humiao.booking.router import public as availability
from humiao.booking.router import router as booking
from humiao.certificates.router import admin as certificates_admin
from humiao.certificates.router import public as verification
from humiao.certificates.router import router as certificates
from humiao.clinics.router import router as clinics
from humiao.eligibility.router import router as eligibility
from humiao.immunizations.router import desk as records_desk
from humiao.immunizations.router import router as own_records
from humiao.reminders.router import router as reminders
from humiao.residents.router import router as residents
from humiao.rooms.router import router as rooms
from humiao.scheduling.router import router as scheduling
from humiao.schoolcheck.router import admin as school_statistics
from humiao.schoolcheck.router import router as school_checks
from humiao.vaccines.router import router as vaccines
from humiao.visits.router import router as visits
from humiao.waitlist.router import public as campaigns
from humiao.waitlist.router import router as waitlist
from humiao.waitlist.staff_router import router as waitlist_staff

ROUTERS: list[APIRouter] = [
    antiabuse,
    auth,
    residents,
    vaccines,
    clinics,
    reminders,
    own_records,
    records_desk,
    certificates,
    verification,
    certificates_admin,
    school_checks,
    school_statistics,
    eligibility,
    booking,
    availability,
    rooms,
    scheduling,
    visits,
    campaigns,
    waitlist,
    waitlist_staff,
    backoffice,
    programme,
]

# What the domains are called where people read the API.
DOMAINS = [
    {"name": "antiabuse", "description": "安全验证 / challenges"},
    {"name": "auth", "description": "登录：短信验证码与员工账号 / logging in"},
    {"name": "residents", "description": "家庭成员：接种人建档与绑定 / people one acts for"},
    {"name": "reminders", "description": "提醒设置 / reminders"},
    {"name": "vaccines", "description": "疫苗目录 / the vaccine catalogue"},
    {"name": "immunizations", "description": "接种记录与推荐接种 / immunization records and recommendations"},
    {"name": "certificates", "description": "电子接种证：签发、打印、核验、作废 / certificates"},
    {"name": "schoolcheck", "description": "入托入园入学查验 / school checks"},
    {"name": "clinics", "description": "接种门诊与可约时段 / clinics and their windows"},
    {"name": "eligibility", "description": "资格凭证：谁可以预约哪种疫苗 / who may book what"},
    {"name": "booking", "description": "占号、预约、改期、取消 / holds and reservations"},
    {"name": "rooms", "description": "排队大厅：高峰时按次序进入 / waiting rooms"},
    {"name": "scheduling", "description": "场次发布与号源调整 / clinic sessions and quotas"},
    {"name": "visits", "description": "签到与接种结果 / check-in and outcome"},
    {"name": "waitlist", "description": "紧缺疫苗登记排队与名额 / campaigns, waiting, offers"},
    {"name": "backoffice", "description": "市级后台 / the city's back office"},
]
