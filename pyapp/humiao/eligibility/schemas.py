"""Shapes of eligibility."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from humiao.kit.shapes import Answer, CityTime, InputDate, PlainText, StrictModel

VaccineCode = Annotated[PlainText, Field(min_length=1, max_length=32)]


class PassRequest(StrictModel):
    """For whom, and against what."""

    person_id: UUID
    vaccine_code: VaccineCode
    on: InputDate | None = Field(default=None, description="the day of the appointment; null: today")


class PassAnswer(Answer):
    """资格凭证: send `pass` in the header Eligibility-Pass of a hold."""

    pass_: str = Field(alias="pass", description="signed; opaque to whoever carries it")
    person_id: UUID
    vaccine_code: str
    dose: int | None = Field(description="the dose of the series; null: whichever is due")
    clinics: list[int] | None = Field(description="clinics where it is good; null: all")
    expires_at: CityTime
