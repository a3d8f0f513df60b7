"""Owns the devices of a counter in software, behind the same ports and bytes as real ones: for the demo, the tests and the lab.

They stand at the far end of the cable and share no code with the drivers, so that they can be believed about what came out.

    printer     VirtualPrinter(profile, clock): reception, power, faults; slips() is the paper
                tcp.serve_tcp, pty_port.serve_pty, usb_backend.UsbBus put it on a wire; link.Link is the wire without one
                realtime, interpreter (line, graphics, charset, barcodes), firmware, mechanism, paper: what it is made of
                profiles: T0 to T3, 58 and 80 mm, 180 and 203 dpi, Seiko, clones; drawing, rom_font: the picture of a slip
    scanner     SerialScanner (pty), TcpScanner; wedge.WedgeScanner (uinput)
    display     LineDisplay (pty), TcpDisplay; screen.Screen is what they show
    camera      Camera: a folder whose newest file is in view; cards and scene draw member cards and phones for it
    clock       RealClock(speed) or ManualClock: how fast it all lives
"""
