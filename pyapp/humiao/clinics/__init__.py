"""Clinics: where vaccination happens, and how to find one."""
