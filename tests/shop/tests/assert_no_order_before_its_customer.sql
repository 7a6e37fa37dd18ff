select o.order_id
from {{ ref('stg_orders') }} as o
inner join {{ ref('stg_customers') }} as c using (customer_id)
where o.ordered_at < c.created_at
