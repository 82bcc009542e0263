"""The groups of measurements, each a function of the world; `GROUPS` of `plan.py` names them in their order."""
