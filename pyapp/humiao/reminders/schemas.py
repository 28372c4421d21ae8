"""Request and response shapes of reminder settings."""

from humiao.kit.shapes import Answer, StrictModel


class ReminderChoices(StrictModel):
    """Which kinds of reminders an account wants; all four are named."""

    due: bool
    second_dose: bool
    overdue: bool
    appointment: bool


class RemindersAnswer(Answer):
    """Which kinds of reminders an account gets."""

    due: bool
    second_dose: bool
    overdue: bool
    appointment: bool
