"""Local stand-ins for the outside world, the story they replay, and the launcher.

Nothing here imports `triage`: a stand-in that shares code with its client proves nothing.
"""
