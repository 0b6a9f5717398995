"""Many trainings compared: networks x methods x data sets, over seeds."""
