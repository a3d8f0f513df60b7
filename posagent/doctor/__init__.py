"""Owns the doctor: looks at the whole counter and says in the user's language what is wrong, why, and the exact next step.

`finding` is what is found, `host` the machine that is looked at (tests put one of their own there), the ``*_checks`` modules look, `words`
speaks, `examine` goes through all of them, `sheet` writes the screen.
"""
