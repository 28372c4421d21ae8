"""Visits (到诊): who came for a reservation, whether the dose was given, and who did not come."""
