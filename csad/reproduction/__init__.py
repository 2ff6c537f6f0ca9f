"""The paper's tables on MVTec LOCO AD and data like it: trained, measured, next to the published figures."""
