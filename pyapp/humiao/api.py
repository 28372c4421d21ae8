"""Every router, in one list."""

from fastapi import APIRouter

from humiao.auth.router import router as auth
from humiao.booking.router import router as booking
from humiao.clinics.router import router as clinics
from humiao.residents.router import router as residents
from humiao.scheduling.router import router as scheduling
from humiao.vaccines.router import router as vaccines

ROUTERS: list[APIRouter] = [auth, residents, vaccines, clinics, booking, scheduling]
