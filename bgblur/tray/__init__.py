"""The icon in the desktop's panel: a process of its own, which alone loads Qt."""
