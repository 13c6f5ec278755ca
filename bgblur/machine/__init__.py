"""Checks of this machine (doctor) and installation of the virtual camera (setup)."""
