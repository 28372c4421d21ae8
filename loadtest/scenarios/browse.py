"""A resident who looks around: vaccines, clinics of a district, by name, near by, and a clinic's windows."""

import random

from locust import FastHttpUser, between, task

DISTRICTS = ["310101", "310104", "310105", "310106", "310107", "310109", "310110", "310112", "310115", "310151"]
NAMES = ["徐家汇", "xjh", "lujiazui", "花木", "sh", "社区"]


class BrowsingResident(FastHttpUser):
    """Reads only; needs no login."""

    wait_time = between(0.5, 2)
    weight = 1

    @task(1)
    def vaccines(self) -> None:
        self.client.get("/api/v1/public/vaccines", name="vaccines")

    @task(3)
    def by_name(self) -> None:
        self.client.get(f"/api/v1/public/clinics?q={random.choice(NAMES)}", name="clinics by name")

    @task(3)
    def near_by(self) -> None:
        lat, lng = 31.1 + random.random() / 4, 121.3 + random.random() / 3
        self.client.get(f"/api/v1/public/clinics?lat={lat:.5f}&lng={lng:.5f}&vaccine=IIV4", name="clinics near by")

    @task(4)
    def windows(self) -> None:
        listed = self.client.get(
            f"/api/v1/public/clinics?district={random.choice(DISTRICTS)}", name="clinics of a district"
        ).json()
        if listed and listed["items"]:
            clinic = random.choice(listed["items"])
            self.client.get(f"/api/v1/public/clinics/{clinic['clinic_id']}/windows", name="windows")
