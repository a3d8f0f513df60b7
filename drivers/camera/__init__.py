"""Owns cameras as scanners: from light to a scan.

    sources -> live (gate, passes A to E under a frame budget) -> accept (rules, votes, re-arm) -> posagent.ports.Scan
    files   -> deep (every code of a picture, no deadline)

`symbols` is the only module that calls zxing-cpp. OpenCV finds, levels and enlarges; it decodes nothing.
"""
