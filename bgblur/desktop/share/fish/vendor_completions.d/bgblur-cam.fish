# Part of bgblur. Written by scripts/packaging/man_page.py.
complete --command bgblur-cam --no-files --arguments "(env _BGBLUR_CAM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS=(commandline -cp) bgblur-cam)" --condition "env _BGBLUR_CAM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args _TYPER_COMPLETE_ARGS=(commandline -cp) bgblur-cam"
