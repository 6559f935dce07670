//! Orders of the words.

use super::*;

#[test]
fn ranks_name_themselves() {
    let loads = [9, 9, 0, 0, 0, 300, 5, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let orders = [Fields::Values, Fields::Any, Fields::Ordered];
    let [values, any, ordered] = orders.map(|fields| Order::of_loads(fields, &loads));
    assert_eq!((any, ordered), (Order::APART, Order::TOGETHER));
    assert_eq!(values.words, [1, 0, 3, 7, 9, 11, 13, 15, 2, 4, 8, 10, 12, 14, 6, 5]);
    for order in [values, Order::APART, Order::TOGETHER] {
        for (place, rank) in (0..DataWord::COUNT).map(Rank).enumerate() {
            assert_eq!((order.rank(order.word(rank)), rank.index()), (rank, place));
        }
        assert!(order.rank(DataWord::ARCH) == Rank::ARCH);
        assert!(order.rank(DataWord::NR) == Rank::NR);
    }
    assert_eq!(Order::of_loads(Fields::Values, &[3; 16]), Order::APART);
}
