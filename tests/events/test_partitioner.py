from stream.events.partitioner import partition_of


def test_keys_are_spread_as_librdkafka_does_it():
    # CRC-32 of the ASCII digits 1 to 9 is 0xCBF43926, the check value of every CRC catalogue.
    assert partition_of(b"123456789", 1 << 32) == 0xCBF43926
    assert partition_of(b"123456789", 8) == 6
