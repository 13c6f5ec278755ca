"""What ties bgblur to the desktop and the system it runs on."""
