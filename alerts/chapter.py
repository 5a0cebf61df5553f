"""Where the API's document lists what belongs to alerts."""

CHAPTER = "Alerts"
