"""Where and when: seats, clocks, admission, and the protocol between kiosk and room server."""
