"""What the system does, told in ports: no Faust, no SQL, no HTTP."""
