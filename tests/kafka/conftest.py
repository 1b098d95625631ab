from tests.kafka.fixtures import kafka, own_kafka, place

__all__ = ["kafka", "own_kafka", "place"]
