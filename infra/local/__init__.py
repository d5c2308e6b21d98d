"""Platform `local`: hosts on one Linux machine. platform.py declares them, provider/ makes them, sweep.py
removes what a lost state leaves behind."""
