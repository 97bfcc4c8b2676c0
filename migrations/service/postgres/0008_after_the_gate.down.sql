-- Takes back 0008: what name servers were seen to say and how cutovers went is lost with it.

DROP TABLE job_cutovers;
DROP TABLE dns_sightings;
