"""What the gate, the calibration and the schedule of trainings do on simulated nights."""
