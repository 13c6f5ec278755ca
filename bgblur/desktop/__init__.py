"""What desktops and shells find bgblur by: menu entry, icons, man page, completions.

The files in ``share`` lie as under ``/usr/share``. The wheel installs them below its prefix, where
a system's package or ``pip install --user`` wants them; ``bgblur-cam desktop install`` places them
for one user, which an installation in a virtual environment (pipx) needs.
"""
